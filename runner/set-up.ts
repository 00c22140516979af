import type { MirrorView } from '../forge/mirrors.ts'
import { newSandbox } from './attempt-context.ts'
import type { AttemptContext, SandboxDeps } from './attempt-context.ts'
import type { ResolvedImage } from './environment/image.ts'
import { environmentSnapshot, runSetup } from './environment/snapshot.ts'
import type { SnapshotDeps, SnapshotInput } from './environment/snapshot.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import { ownGrant, connect, setupGrant } from './connect.ts'
import type { ConnectDeps, Connection } from './connect.ts'
import type { Phases } from './phases.ts'
import { printing } from './printing.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { Base, CheckOut, Progress, Settle } from './workspace/workspace.ts'

export type SetUpDeps = SandboxDeps &
  ConnectDeps & {
    log: EventLog
    phases: Phases
    snapshots: Pick<SnapshotDeps, 'find' | 'save' | 'imageExists'>
    checkOut: CheckOut
    settle: Settle
  }

type Context = AttemptContext<SetUpDeps>
type From = { view: MirrorView; image: ResolvedImage }
type In = { sandbox: Sandbox; connection: Connection | undefined; view: MirrorView; base: Base }

/** The image to start from: the environment's own, or, with a setup script, the snapshot in which it has run. */
export async function setUp(context: Context, from: From): Promise<string> {
  const { setupScript, ...environment } = context.job.environment
  if (!setupScript) return from.image.ref
  const input = {
    installation: context.deps.installation,
    environment: { ...environment, setupScript, repository: context.job.repository.address },
    image: from.image,
    fromCommit: headOf(from.view),
  }
  const opened: Connection[] = []
  const ref = await inSetupPhase(context, (onOutput, signal) =>
    environmentSnapshot(input, snapshotDeps(context, { ...from, input, onOutput, opened }), signal),
  )
  for (const connection of opened) await connection.close()
  return ref
}

/**
 * Runs the maintenance script in a checkout. It reaches what set-up reaches where the base is the default branch; on
 * another branch, which anybody may have written, only what the agent reaches (R19). What it leaves running is killed.
 */
export async function maintain(context: Context, { sandbox, connection, view, base }: In): Promise<void> {
  const { maintenanceScript: script, variables } = context.job.environment
  if (!script) return
  const { deps } = context
  await connection?.permit(base.branch === view.defaultBranch ? setupGrant(deps) : ownGrant(deps))
  await inSetupPhase(context, async (onOutput, signal) => {
    const code = await runSetup(sandbox, { script, variables, onOutput }, signal)
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

type SnapshotWork = { input: SnapshotInput; onOutput: Progress; opened: Connection[] }

function snapshotDeps(context: Context, { view, image, input, onOutput, opened }: From & SnapshotWork): SnapshotDeps {
  const { deps } = context
  const base = { commit: input.fromCommit, branch: view.defaultBranch }
  return {
    ...deps.snapshots,
    onOutput,
    notice: (message) => deps.log.write('setup', 'notice', { message }),
    async prepare(signal) {
      const connection = deps.plan.current.setup && (await connect(context, signal))
      if (connection) opened.push(connection)
      const sandbox = newSandbox(context, { ref: image.ref, view, network: connection?.network })
      await sandbox.start(signal)
      await connection?.permit(setupGrant(deps))
      await deps.checkOut({ sandbox, view, base, onOutput }, signal)
      return sandbox
    },
    settle: (sandbox, signal) => deps.settle({ sandbox, view, base, onOutput }, signal),
  }
}

function headOf(view: MirrorView): string {
  const head = view.refs.find((ref) => ref.name === `refs/heads/${view.defaultBranch}`)
  if (head) return head.commit
  throw new AttemptFailure('branch-not-found', `Cannot set up: the repository has no branch "${view.defaultBranch}"`)
}
