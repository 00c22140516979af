import type { StartRecord } from '../domain/tasks/start.ts'
import type { AttemptContext, SandboxDeps } from './attempt-context.ts'
import type { Checkouts } from './checkouts.ts'
import type { ResolvedImage } from './environment/image.ts'
import type { SnapshotCache } from './environment/snapshot-cache.ts'
import { runSetup } from './environment/snapshot.ts'
import { needsSetUp } from './environment/versions.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import { ownGrant, setupGrant } from './connect.ts'
import type { ConnectDeps, Connection } from './connect.ts'
import type { Phases } from './phases.ts'
import { printing } from './printing.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { SetupSecret } from './secrets/spellings.ts'
import type { CheckOut, Progress } from './workspace/workspace.ts'

export type SetUpDeps = SandboxDeps &
  ConnectDeps & {
    /** What scripts know, and nothing that runs after them. */
    setupSecrets: readonly SetupSecret[]
    log: EventLog
    phases: Phases
    cache: Pick<SnapshotCache, 'use'>
    checkOut: CheckOut
  }

/** For finding out, on top of what building may take. */
const WAITING_MS = 60_000

type Context = AttemptContext<SetUpDeps>
type In = { sandbox: Sandbox; connection: Connection | undefined; checkouts: Checkouts }

/** The image to start from, and why it is this one. */
export type StartImage = {
  ref: string
  /** What it is, whatever its name: a digest, or the name of a snapshot, which no other ever has. */
  id: string
  start: Pick<StartRecord, 'cache' | 'reason' | 'snapshot'>
}

/** The environment's own image, or, with a setup script, the snapshot in which it has run. */
export async function setUp(context: Context, image: ResolvedImage): Promise<StartImage> {
  const { job, deps, cleanup, settings } = context
  const { environment, repository, attempt } = job
  if (!needsSetUp(environment)) {
    return {
      ref: image.ref,
      id: image.digest,
      start: { cache: 'none', reason: 'the environment has no set-up script' },
    }
  }
  const notice = (message: string) => deps.log.write('setup', 'notice', { message })
  // The build has the limits of set-up. Whoever waits for another's may have to build it in the end.
  const limitMs = 2 * settings.limits.setupMs + WAITING_MS
  const { ref, start } = await deps.phases.run({ phase: 'setup', limitMs }, ({ signal }) =>
    printing({ log: deps.log, phase: 'setup' }, (onOutput) => {
      const wish = { environment, repository, image, attempt }
      const use = deps.cache.use(wish, { onOutput, notice }, signal)
      // Also when nobody waits for it any more: what was cancelled is gone when the attempt ends.
      cleanup.defer(() =>
        use.then(
          (found) => found.release(),
          () => undefined,
        ),
      )
      return use
    }),
  )
  return { ref, id: ref, start }
}

/**
 * Runs the maintenance script in the checkouts. It reaches what set-up reaches, and knows its secrets, where all of them
 * are at their default branch; on another branch, which anybody may have written, it reaches only what the agent reaches
 * (R19). What it leaves running is killed.
 */
export async function maintain(context: Context, { sandbox, connection, checkouts }: In): Promise<void> {
  const { maintenanceScript: script, variables } = context.job.environment
  if (!script) return
  const { deps } = context
  const isTrusted = checkouts.every(({ base, view }) => base.branch === view.defaultBranch)
  const folders = checkouts.map(({ at }) => at.workspace)
  const secrets = isTrusted ? deps.setupSecrets : []
  await connection?.permit(isTrusted ? setupGrant(deps) : ownGrant(deps))
  await inSetupPhase(context, async (onOutput, signal) => {
    const code = await runSetup(sandbox, { script, variables, secrets, folders, onOutput }, signal)
    if (code !== 0) {
      const how = `the maintenance script ended with exit code ${code ?? 'unknown'}. Its output is in the log.`
      throw new AttemptFailure('setup-failed', `Cannot prepare the checkout: ${how}`)
    }
    await sandbox.killAll(signal)
  })
  // What an earlier turn wrote comes next, and reaches nothing of what set-up reaches (R19).
  await connection?.shut()
}

function inSetupPhase<T>(
  { deps, settings }: Context,
  work: (onOutput: Progress, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { setupMs, noOutputMs } = settings.limits
  return deps.phases.run({ phase: 'setup', limitMs: setupMs, noOutputMs }, ({ signal, heard }) =>
    printing({ log: deps.log, phase: 'setup', heard }, (onOutput) => work(onOutput, signal)),
  )
}
