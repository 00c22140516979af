import type { AttemptResult } from '../domain/tasks/fenced.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { AgentAdapter } from './agent/adapter.ts'
import { runAgent } from './agent/run-agent.ts'
import type { AgentOutcome } from './agent/run-agent.ts'
import { breachFailure, newSandbox } from './attempt-context.ts'
import type { AttemptContext } from './attempt-context.ts'
import { attemptSettings } from './attempt-settings.ts'
import { cleanupStack } from './cleanup.ts'
import type { ResolvedImage } from './environment/image.ts'
import { AttemptFailure } from './failure.ts'
import { printing } from './printing.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { maintain, setUp } from './set-up.ts'
import type { SetUpDeps } from './set-up.ts'
import type { StopSwitch } from './stop.ts'
import type { Base, Change, Collect } from './workspace/workspace.ts'

export type RunAttemptDeps = SetUpDeps & {
  resolveImage: (name: string, onProgress: (line: string) => void, signal: AbortSignal) => Promise<ResolvedImage>
  openMirror: (job: Job, signal: AbortSignal) => Promise<MirrorView>
  collect: Collect
  agent: AgentAdapter
  commit: (
    job: Job,
    view: MirrorView,
    input: { change: Change; base: Base },
  ) => Promise<{ commit: string; branch: string }>
  enter: (state: 'running' | 'collecting') => Promise<void>
  recordBase: (base: { image: string; commit: string }) => Promise<void>
}

export type AttemptOutcome = Pick<AttemptResult, 'answer' | 'change'>

/**
 * Takes one claimed attempt from an empty sandbox to its answer or its change. Rejects with AttemptFailure when the
 * attempt failed, with Stopped when it was stopped, with anything else when we failed. Nothing of it runs afterwards.
 */
export async function runAttempt(job: Job, deps: RunAttemptDeps, stop: StopSwitch): Promise<AttemptOutcome> {
  await using cleanup = cleanupStack()
  const { phases, log } = deps
  const context: Context = { job, deps, stop, cleanup, settings: attemptSettings(job) }
  const { limits } = context.settings

  const { view, base } = await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    openBase(context, signal),
  )
  cleanup.defer(() => view[Symbol.asyncDispose]())

  // An image of ours may have to be built first, which takes longer than a sandbox may.
  const image = await phases.run({ phase: 'sandbox', limitMs: limits.setupMs }, ({ signal }) =>
    findImage(context, signal),
  )
  await deps.recordBase({ image: image.digest, commit: base.commit })
  const ref = await setUp(context, { view, image })

  const sandbox = newSandbox(context, { ref, view })
  await phases.run({ phase: 'sandbox', limitMs: limits.sandboxMs }, ({ signal }) => sandbox.start(signal))
  await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    printing({ log, phase: 'checkout' }, (onOutput) => deps.checkOut({ sandbox, view, base, onOutput }, signal)),
  )
  await maintain(context, sandbox)

  await deps.enter('running')
  const agent = await phases.run(
    { phase: 'agent', limitMs: limits.agentMs, noOutputMs: limits.noOutputMs },
    ({ signal, heard }) => runAgent({ sandbox, adapter: deps.agent, job, log, heard }, signal),
  )
  await agentMustSucceed(agent, sandbox)

  await deps.enter('collecting')
  if (job.task.mode === 'ask') return { answer: agent.answer }
  // Awaited here: the sandbox must outlive the collecting.
  return await phases.run({ phase: 'collect', limitMs: limits.collectMs }, ({ signal }) =>
    keepChange(context, { sandbox, view, base }, signal),
  )
}

type Context = AttemptContext<RunAttemptDeps>

async function openBase({ job, deps }: Context, signal: AbortSignal): Promise<{ view: MirrorView; base: Base }> {
  const view = await deps.openMirror(job, signal)
  // Whoever waited may have gone meanwhile; a view that nobody disposes of would hold the mirror for ever.
  if (signal.aborted) await view[Symbol.asyncDispose]()
  signal.throwIfAborted()
  const branch = job.task.branch ?? job.repository.defaultBranch ?? view.defaultBranch
  const commit = view.refs.find((ref) => ref.name === `refs/heads/${branch}`)?.commit
  if (commit) return { view, base: { commit, branch } }
  await view[Symbol.asyncDispose]()
  throw new AttemptFailure('branch-not-found', `Cannot check out branch "${branch}": the repository has no such branch`)
}

const findImage = ({ job, deps }: Context, signal: AbortSignal) => {
  const onProgress = (line: string) => void deps.log.write('sandbox', 'notice', { message: line })
  return deps.resolveImage(job.environment.image, onProgress, signal)
}

async function keepChange(
  { job, deps }: Context,
  input: { sandbox: Sandbox; view: MirrorView; base: Base },
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  const { log } = deps
  const change = await printing({ log, phase: 'collect' }, (onOutput) => deps.collect({ ...input, onOutput }, signal))
  for (const message of change.skipped) await log.write('collect', 'notice', { message })
  if (change.stats.files === 0) return { answer: null, change: { ...change, commit: null, branch: null } }
  const { commit, branch } = await deps.commit(job, input.view, { change, base: input.base })
  return { answer: null, change: { ...change, commit, branch } }
}

/** A sandbox looks at its limits before it reports a failed command, so a breach that caused it is known by now. */
async function agentMustSucceed(agent: AgentOutcome, sandbox: Sandbox): Promise<void> {
  if (agent.ok) return
  const now = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))
  const breach = await Promise.race([sandbox.breached, now])
  if (breach) throw breachFailure(breach)
  throw new AttemptFailure('agent-exited', agent.message)
}
