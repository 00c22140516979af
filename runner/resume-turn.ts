import { hasCode } from '../domain/errors.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { AgentAdapter } from './agent/adapter.ts'
import type { ReadyAgent } from './agent-phase.ts'
import type { Checkouts } from './checkouts.ts'
import { leftIn } from './earlier-turn.ts'
import type { EarlierTurn } from './earlier-turn.ts'
import { AttemptFailure } from './failure.ts'
import { plainWords } from '../forge/plain-text.ts'
import type { EventLog } from './event-log.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { SHELL } from './sandbox/shell.ts'
import { NOTHING_PRELOADED, PRELUDE } from './workspace/sandbox-shell.ts'
import type { Folder } from './workspace/workspace.ts'

const MAX_WORDS = 4096

/** A conversation that the same agent can go on with. */
export type EarlierSession = { sessionId: string; archive: Uint8Array }

export type ResumeDeps = {
  log: EventLog
  /** The session of the turn before, of this very agent and version. */
  earlierSession: (agent: { id: string; version: string }) => Promise<EarlierSession | undefined>
  restoreSession: (
    input: { sandbox: Sandbox; adapter: AgentAdapter; session: EarlierSession },
    signal: AbortSignal,
  ) => Promise<void>
}

type Context = Pick<AttemptContext<ResumeDeps>, 'deps' | 'job'>
type Into = { sandbox: Sandbox; agent: ReadyAgent; checkouts: Checkouts }

/**
 * Puts the changes and the conversation of the turn before into fresh checkouts, inside the sandbox, as the agent's user;
 * or the diff that was sent with the task, which is one of the main repository. Runs after maintenance, which must not read
 * what an agent wrote (R19). Resolves to the session to go on with.
 */
export async function resumeTurn(
  { deps, job }: Context,
  { sandbox, agent, checkouts, earlier }: Into & { earlier: EarlierTurn | undefined },
  signal: AbortSignal,
): Promise<{ sessionId: string } | undefined> {
  const { startingPatch } = job.turn
  for (const { repository, at } of checkouts) {
    const patch = leftIn(earlier, repository)?.patch
    if (patch && patch.length > 0) await applyPatch({ sandbox, at, patch, cannot: CANNOT_GO_ON }, signal)
  }
  if (earlier === undefined && startingPatch) {
    await applyPatch({ sandbox, at: checkouts[0].at, patch: startingPatch, cannot: CANNOT_START }, signal)
  }
  const { adapter, program } = agent
  if (program === undefined) return undefined
  try {
    const session = await deps.earlierSession(program)
    if (session === undefined) return undefined
    await deps.restoreSession({ sandbox, adapter, session }, signal)
    return { sessionId: session.sessionId }
  } catch (error) {
    if (!(error instanceof AttemptFailure) && !hasCode(error, 'key-unavailable')) throw error
    // The change is there; only the memory of the conversation is not, and the log says so.
    await deps.log.write('checkout', 'notice', { message: error.message })
    return undefined
  }
}

/**
 * With a git directory of its own, which has no settings: the attributes in a change name filters, and a maintenance
 * script may have set commands for such names.
 */
const APPLY = `${PRELUDE}
cd "$DRYDOCK_WORKSPACE" || exit 3
export GIT_DIR=/agent-home/.drydock-apply GIT_WORK_TREE="$DRYDOCK_WORKSPACE"
trap 'rm -rf "$GIT_DIR"' EXIT
rm -rf "$GIT_DIR" && env -u GIT_DIR -u GIT_WORK_TREE git $C init -q --bare --template= "$GIT_DIR" || exit 3
git $C apply --whitespace=nowarn -
`

const CANNOT_GO_ON = 'Cannot go on from the turn before: its change does not apply any more.'
const CANNOT_START =
  'Cannot start from the diff that was sent: it does not apply to the commit that the task starts from.'

type Patching = { sandbox: Sandbox; at: Folder; patch: Buffer; cannot: string }

async function applyPatch({ sandbox, at, patch, cannot }: Patching, signal: AbortSignal): Promise<void> {
  let words = ''
  const { code } = await sandbox.exec(
    {
      command: [SHELL, '-c', APPLY],
      user: 'agent',
      env: { ...NOTHING_PRELOADED, DRYDOCK_WORKSPACE: at.workspace },
      stdin: patch,
      onOutput: (_stream, chunk) => {
        if (words.length < MAX_WORDS) words += chunk.toString('utf8')
      },
    },
    signal,
  )
  if (code === 0) return
  throw new AttemptFailure('checkout-failed', `${cannot} ${plainWords(words)}`)
}
