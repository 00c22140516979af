import type { Job } from '../domain/tasks/job.ts'
import type { AttemptResult } from '../domain/tasks/fenced.ts'
import type { FailureReason, Phase } from '../domain/tasks/attempt.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { AgentAdapter } from './agent/adapter.ts'
import { runAgent } from './agent/run-agent.ts'
import type { AgentOutcome } from './agent/run-agent.ts'
import { cleanupStack } from './cleanup.ts'
import type { CleanupStack } from './cleanup.ts'
import type { ResolvedImage } from './environment/image.ts'
import { environmentSnapshot, runSetup } from './environment/snapshot.ts'
import type { SnapshotDeps } from './environment/snapshot.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import { attemptSettings } from './attempt-settings.ts'
import type { AttemptSettings } from './attempt-settings.ts'
import type { Phases } from './phases.ts'
import type { Breach, Sandbox, SandboxFactory } from './sandbox/sandbox.ts'
import type { StopSwitch } from './stop.ts'
import { IN_SANDBOX } from './workspace/workspace.ts'
import type { Base, Change, CheckOut, Collect } from './workspace/workspace.ts'

export type RunAttemptDeps = {
  installation: string
  log: EventLog
  phases: Phases
  createSandbox: SandboxFactory
  resolveImage: (name: string, onProgress: (line: string) => void, signal: AbortSignal) => Promise<ResolvedImage>
  snapshots: Pick<SnapshotDeps, 'find' | 'save' | 'imageExists'>
  openMirror: (job: Job, signal: AbortSignal) => Promise<MirrorView>
  checkOut: CheckOut
  collect: Collect
  agent: AgentAdapter
  commit: (
    job: Job,
    view: MirrorView,
    input: { change: Change; base: Base },
  ) => Promise<{ commit: string; branch: string }>
  enter: (state: 'running' | 'collecting') => Promise<void>
  recordBase: (base: { image: string; commit: string }) => Promise<void>
  /** A sandbox could not be removed: a sweep must follow. What the attempt yielded stands. */
  onLeftover: (error: unknown) => void
}

export type AttemptOutcome = Pick<AttemptResult, 'answer' | 'change'>

/**
 * Takes one claimed attempt from an empty sandbox to its answer or its change. Rejects with AttemptFailure when the
 * attempt failed, with Stopped when it was stopped, with anything else when we failed. Nothing of it runs afterwards.
 */
export async function runAttempt(job: Job, deps: RunAttemptDeps, stop: StopSwitch): Promise<AttemptOutcome> {
  await using cleanup = cleanupStack()
  const { phases } = deps
  const run: Run = { job, deps, stop, cleanup, settings: attemptSettings(job) }
  const { limits } = run.settings

  const { view, base } = await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    openBase(run, signal),
  )
  cleanup.defer(() => view[Symbol.asyncDispose]())

  // An image of ours may have to be built first, which takes longer than a sandbox may.
  const image = await phases.run({ phase: 'sandbox', limitMs: limits.setupMs }, ({ signal }) => findImage(run, signal))
  await deps.recordBase({ image: image.digest, commit: base.commit })
  const ref = await setUp(run, { view, image })

  const sandbox = newSandbox(run, { ref, view })
  await phases.run({ phase: 'sandbox', limitMs: limits.sandboxMs }, ({ signal }) => sandbox.start(signal))
  stopOnBreach(run, sandbox)

  await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    deps.checkOut({ sandbox, view, base, onOutput: printTo(run, 'checkout') }, signal),
  )
  await maintain(run, sandbox)

  await deps.enter('running')
  const agent = await phases.run(
    { phase: 'agent', limitMs: limits.agentMs, noOutputMs: limits.noOutputMs },
    ({ signal, heard }) => runAgent({ sandbox, adapter: deps.agent, job, log: deps.log, heard }, signal),
  )
  await agentMustSucceed(agent, sandbox)

  await deps.enter('collecting')
  if (job.task.mode === 'ask') return { answer: agent.answer }
  // Awaited here: the sandbox must outlive the collecting.
  return await phases.run({ phase: 'collect', limitMs: limits.collectMs }, ({ signal }) =>
    keepChange(run, { sandbox, view, base }, signal),
  )
}

type Run = { job: Job; deps: RunAttemptDeps; stop: StopSwitch; cleanup: CleanupStack; settings: AttemptSettings }

async function openBase({ job, deps }: Run, signal: AbortSignal): Promise<{ view: MirrorView; base: Base }> {
  const view = await deps.openMirror(job, signal)
  if (signal.aborted) await view[Symbol.asyncDispose]()
  signal.throwIfAborted()
  const branch = job.task.branch ?? job.repository.defaultBranch ?? view.defaultBranch
  const commit = view.refs.find((ref) => ref.name === `refs/heads/${branch}`)?.commit
  if (commit) return { view, base: { commit, branch } }
  await view[Symbol.asyncDispose]()
  throw new AttemptFailure('branch-not-found', `Cannot check out branch "${branch}": the repository has no such branch`)
}

const findImage = ({ job, deps }: Run, signal: AbortSignal) =>
  deps.resolveImage(
    job.environment.image,
    (line) => void deps.log.write('sandbox', 'notice', { message: line }),
    signal,
  )

/** The image to start from: the environment's own, or, with a setup script, the snapshot in which it has run. */
async function setUp(run: Run, { view, image }: { view: MirrorView; image: ResolvedImage }): Promise<string> {
  const { job, deps, settings } = run
  const { setupScript } = job.environment
  if (!setupScript) return image.ref
  const { limits } = settings
  return deps.phases.run(
    { phase: 'setup', limitMs: limits.setupMs, noOutputMs: limits.noOutputMs },
    ({ signal, heard }) => {
      const onOutput = printTo(run, 'setup', heard)
      const fromCommit = headOf(view)
      const environment = { ...job.environment, setupScript, repository: job.repository.address }
      return environmentSnapshot(
        { installation: deps.installation, environment, image, fromCommit },
        {
          ...deps.snapshots,
          onOutput,
          notice: (message) => deps.log.write('setup', 'notice', { message }),
          prepare: async (inner) => {
            const sandbox = newSandbox(run, { ref: image.ref, view })
            await sandbox.start(inner)
            stopOnBreach(run, sandbox)
            await deps.checkOut(
              { sandbox, view, base: { commit: fromCommit, branch: view.defaultBranch }, onOutput },
              inner,
            )
            return sandbox
          },
        },
        signal,
      )
    },
  )
}

async function maintain(run: Run, sandbox: Sandbox): Promise<void> {
  const script = run.job.environment.maintenanceScript
  if (!script) return
  const { limits } = run.settings
  await run.deps.phases.run(
    { phase: 'setup', limitMs: limits.setupMs, noOutputMs: limits.noOutputMs },
    async ({ signal, heard }) => {
      const onOutput = printTo(run, 'setup', heard)
      const code = await runSetup(sandbox, { script, variables: run.job.environment.variables, onOutput }, signal)
      if (code !== 0)
        throw new AttemptFailure(
          'setup-failed',
          `Cannot prepare the checkout: the maintenance script ended with exit code ${code ?? 'unknown'}`,
        )
      // What maintenance left running must not reach the agent.
      await sandbox.killAll(signal)
    },
  )
}

async function keepChange(
  { job, deps }: Run,
  input: { sandbox: Sandbox; view: MirrorView; base: Base },
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  const change = await deps.collect({ ...input, onOutput: printTo({ deps }, 'collect') }, signal)
  for (const message of change.skipped) await deps.log.write('collect', 'notice', { message })
  if (change.stats.files === 0) return { answer: null, change: { ...change, commit: null, branch: null } }
  const { commit, branch } = await deps.commit(job, input.view, { change, base: input.base })
  return { answer: null, change: { ...change, commit, branch } }
}

/** A sandbox looks at its limits before it reports a failed command, so a breach that caused it is known by now. */
async function agentMustSucceed(agent: AgentOutcome, sandbox: Sandbox): Promise<void> {
  if (agent.ok) return
  const breach = await Promise.race([
    sandbox.breached,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ])
  if (breach) throw breachFailure(breach)
  throw new AttemptFailure('agent-exited', agent.message)
}

function stopOnBreach({ stop }: Pick<Run, 'stop'>, sandbox: Sandbox): void {
  void sandbox.breached.then((breach) => stop.stop({ kind: 'failed', failure: breachFailure(breach) }))
}

const BREACHES: Record<Breach, string> = {
  'out-of-memory':
    'Cannot go on: the sandbox used all of its memory. Raise resources.memoryMiB in the environment, or use less.',
  'disk-full':
    'Cannot go on: the sandbox used all of its disk. Raise resources.diskMiB in the environment, or write less.',
  'too-many-processes':
    'Cannot go on: the sandbox started more processes than it may. Raise resources.pids in the environment, or start fewer.',
}

export const breachFailure = (breach: Breach) => new AttemptFailure(breach satisfies FailureReason, BREACHES[breach])

/** A sandbox that is destroyed with the attempt at the latest, also when what it was made for broke off. */
function newSandbox(run: Run, input: { ref: string; view: MirrorView }): Sandbox {
  const { deps, cleanup } = run
  const sandbox = deps.createSandbox(sandboxSpec(run, input))
  cleanup.defer(() => sandbox.destroy().catch(deps.onLeftover))
  return sandbox
}

function sandboxSpec({ job, deps, settings }: Run, { ref, view }: { ref: string; view: MirrorView }) {
  const owner = { installation: deps.installation, attempt: job.attempt.id, claim: job.attempt.claim }
  const mounts = [{ host: view.objects, target: IN_SANDBOX.mirrorObjects }]
  return {
    image: ref,
    owner,
    resources: settings.resources,
    mounts,
    lifetimeMs: settings.limits.totalMs + settings.limits.collectMs,
  }
}

function headOf(view: MirrorView): string {
  const head = view.refs.find((ref) => ref.name === `refs/heads/${view.defaultBranch}`)
  if (!head)
    throw new AttemptFailure('branch-not-found', `Cannot set up: the repository has no branch "${view.defaultBranch}"`)
  return head.commit
}

/** Output of git and of scripts, for the live log. */
const printTo = ({ deps }: Pick<Run, 'deps'>, phase: Phase, heard?: () => void) => {
  return (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    heard?.()
    return deps.log.write(phase, 'output', { stream, text: printable(chunk) })
  }
}

// PostgreSQL's jsonb takes neither NUL nor half a surrogate pair.
const printable = (chunk: Buffer) => chunk.toString('utf8').replaceAll('\0', '\uFFFD').toWellFormed()
