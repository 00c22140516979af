import { eachGitVariable } from './git-variables.ts'
import { TRUST_SCRIPT } from './trust-script.ts'

export const READY = 'drydock:ready'
/** What the keeper adds to its greeting where it can run commands of ours. */
export const SERVES = 'serves'

/** What `stat` says of the folders in order: folders and no links, of their owners, 0755, 0700 and 0700. */
const FOLDERS = '1000:1000:41ed\n1000:1000:41c0\n0:0:41c0'

/** Exact reads: what follows on standard input is the next one's. */
const READ = (size: string) => `dd bs="${size}" count=1 iflag=fullblock 2>/dev/null`

/**
 * Runs what the runner asks for on standard input, one after the other: a line `MARK UID SIZE INPUT LAST CLOSED`, SIZE
 * bytes of a program for `sh`, INPUT bytes for its standard input. Ends each on both outputs with the mark and the exit code. It
 * goes over a stream that is there already, where the engine takes some fifty milliseconds to begin a command. After the
 * last one, or with the stream, it is over; also after a restart, when nobody is at the other end.
 */
const serve = (run: string) => [
  'served=; { read -r served < /drydock/served; } 2>/dev/null',
  `if [ -n "$serves" ] && [ "$served" != ${run} ]; then`,
  `echo ${run} > /drydock/served`,
  'exec 3>&2 2>/dev/null',
  // As the engine begins commands.
  'ulimit -Sn "$(ulimit -Hn)"',
  // Once, for all commands.
  'git_variables=',
  eachGitVariable('git_variables="$git_variables $name"'),
  'while read -r mark uid size input last closed; do',
  'drop=; if [ "$closed" = 1 ]; then drop=$git_variables; fi',
  `text=$(${READ('$size')})`,
  'set -- sh -c "$text"',
  'if [ "$uid" != 0 ]; then set -- setpriv --reuid "$uid" --regid "$uid" --groups "$uid" -- "$@"; fi',
  // In a shell of its own, which says nothing: where the command's output goes is not where this one's words go.
  `if [ "$input" -gt 0 ]; then ${READ('$input')} | (unset $drop; exec "$@" 2>&3 3>&-); else (unset $drop; exec "$@" </dev/null 2>&3 3>&-); fi`,
  'code=$?',
  `printf '\\036%s %s\\n' "$mark" "$code" >&3`,
  `printf '\\036%s %s\\n' "$mark" "$code"`,
  'if [ "$last" = 1 ]; then break; fi',
  'done; fi',
]

/**
 * The keeper: makes the folders, says what the image has, serves, then sleeps. It is root's, so an agent cannot end it;
 * nothing but `sh` and the usual small tools is assumed, and ids are numbers since the image may not know the user. `run`
 * is a word of this container's own, by which it knows that it was restarted.
 */
export function keeperScript({ lifetimeMs, run }: { lifetimeMs: number; run: string }): string {
  return [
    'umask 022',
    // Most sandboxes are made of a snapshot, which has the folders: each program that starts costs more than this look.
    `if [ ! -d /root ] || [ "$(stat -c %u:%g:%f /workspace /agent-home /drydock 2>/dev/null)" != "${FOLDERS}" ]; then`,
    'for d in /workspace /agent-home /drydock; do if [ -L "$d" ]; then rm -f "$d"; fi; done',
    'mkdir -p /workspace /agent-home /drydock /root && chown 1000:1000 /workspace /agent-home && chown 0:0 /drydock || exit 3',
    'chmod 0755 /workspace && chmod 0700 /agent-home /drydock || exit 3; fi',
    'if command -v git >/dev/null 2>&1; then g=git; else g=no-git; fi',
    TRUST_SCRIPT,
    `serves=$(: | setpriv --reuid 1000 --regid 1000 --groups 1000 -- dd bs=1 count=1 iflag=fullblock 2>/dev/null && echo ${SERVES})`,
    `echo "${READY} $g $serves"`,
    ...serve(run),
    `exec sleep ${Math.ceil(lifetimeMs / 1000)} </dev/null >/dev/null 2>&1 3>&-`,
  ].join('\n')
}
