/** How many lines are written at a time: two of a sandbox's wake-ups are 25 ms apart. */
const BURST = 5

/**
 * What an agent runs: waits until a time of the epoch (the prompt), then prints lines at a steady rate, each with the
 * time of its writing in microseconds. Bash alone, so that a line costs no process. Its clock is the host's.
 */
export function printingScript({ seconds, linesPerSecond }: { seconds: number; linesPerSecond: number }): string {
  const bursts = Math.round((seconds * linesPerSecond) / BURST)
  const stepMicros = Math.round((1_000_000 * BURST) / linesPerSecond)
  return `
exec 9<> <(:)
now() { local t=$EPOCHREALTIME; NOW=\${t/./}; }
wait_until() {
  now
  local left=$(($1 - NOW))
  if ((left > 0)); then printf -v left '%d.%06d' $((left / 1000000)) $((left % 1000000)); read -r -t "$left" -u 9; fi
}
start=$TASK_PROMPT
for ((i = 0; i < ${bursts}; i++)); do
  wait_until $((start + i * ${stepMicros}))
  for ((j = 0; j < ${BURST}; j++)); do echo "\${EPOCHREALTIME/./} a line of the agent's log, as long as such lines are"; done
done
exit 0
`
}
