import { setTimeout as delay } from 'node:timers/promises'
import type { Sandbox, SandboxUser } from '../sandbox/sandbox.ts'
import { SHELL } from '../sandbox/shell.ts'
import { NOTHING_PRELOADED } from '../workspace/sandbox-shell.ts'
import type { AgentAdapter } from './adapter.ts'

const PID_FILE = '/agent-home/.drydock-pid'
const KILL_MS = 10_000

/** What it says is the agent's to change: at worst the agent ends another process of its own user. */
const ASK = `read -r pid < ${PID_FILE} || exit 1
case $pid in ''|*[!0-9]*|1) exit 1;; esac
kill -s "$1" "$pid"`

/** The agent's command, with its process noted: `stopAgent` asks that one. */
export function noted(argv: readonly string[]): string[] {
  return ['sh', '-c', `(umask 077; echo $$ > ${PID_FILE}) 2>/dev/null; exec "$@"`, 'sh', ...argv]
}

export type StopInput = {
  sandbox: Pick<Sandbox, 'exec' | 'killAll'>
  user: SandboxUser
  stop: AgentAdapter['stop']
  /** Settles when the agent ended. */
  running: Promise<unknown>
  graceMs: number
}

/**
 * Asks the agent to end, so that it writes its session, and kills whatever runs after the grace. Resolves in any case,
 * soon after it.
 */
export async function stopAgent({ sandbox, user, stop, running, graceMs }: StopInput): Promise<void> {
  const grace = new AbortController()
  const over = delay(graceMs, undefined, { signal: grace.signal }).catch(() => {})
  const ended = running.catch(() => {})
  const command = [SHELL, '-c', ASK, 'sh', stop.replace('SIG', '')]
  const asking = sandbox.exec({ command, user, env: NOTHING_PRELOADED }, AbortSignal.timeout(graceMs)).catch(() => {})
  await Promise.race([Promise.all([asking, ended]), over])
  grace.abort()
  // Also when it ended: what it started in the background would go on writing.
  await sandbox.killAll(AbortSignal.timeout(KILL_MS)).catch(() => {})
  await Promise.race([ended, delay(1000, undefined, { ref: false })])
}
