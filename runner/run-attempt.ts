import type { FlaggedPath } from '../domain/tasks/attempt.ts'
import type { AttemptBase, AttemptResult } from '../domain/tasks/fenced.ts'
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

const MAX_FLAGGED = 200

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
  recordBase: (base: AttemptBase) => Promise<void>
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

  // An image of ours may have to be built first, which takes longer than a sandbox may.
  const image = await phases.run({ phase: 'sandbox', limitMs: limits.setupMs }, ({ signal }) =>
    findImage(context, signal),
  )
  await deps.recordBase({ repositoryId: job.repository.id, image: image.digest, commit: base.commit })
  const sandbox = await startSandbox(context, { view, image })
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

async function openBase(
  { job, deps, cleanup }: Context,
  signal: AbortSignal,
): Promise<{ view: MirrorView; base: Base }> {
  const view = await deps.openMirror(job, signal)
  // Before anything can go wrong: a view that nobody disposes of would hold the mirror for ever.
  cleanup.defer(() => view[Symbol.asyncDispose]())
  const branch = job.task.branch ?? job.repository.defaultBranch ?? view.defaultBranch
  const commit = view.refs.find((ref) => ref.name === `refs/heads/${branch}`)?.commit
  if (commit) return { view, base: { commit, branch } }
  throw new AttemptFailure('branch-not-found', `Cannot check out branch "${branch}": the repository has no such branch`)
}

const findImage = ({ job, deps }: Context, signal: AbortSignal) => {
  const onProgress = (line: string) => {
    // Nobody waits for it; a log that cannot be written has stopped the attempt by now.
    deps.log.write('sandbox', 'notice', { message: line }).catch(() => undefined)
  }
  return deps.resolveImage(job.environment.image, onProgress, signal)
}

/** Starts the sandbox for the agent: once more from the set-up when its snapshot was removed in between. */
async function startSandbox(context: Context, from: { view: MirrorView; image: ResolvedImage }): Promise<Sandbox> {
  const { job, deps, settings } = context
  const start = async () => {
    const sandbox = newSandbox(context, { ref: await setUp(context, from), view: from.view })
    const spec = { phase: 'sandbox', limitMs: settings.limits.sandboxMs } as const
    await deps.phases.run(spec, ({ signal }) => sandbox.start(signal))
    return sandbox
  }
  try {
    return await start()
  } catch (error) {
    const isGone = error instanceof AttemptFailure && error.reason === 'image-unavailable'
    if (!isGone || !job.environment.setupScript) throw error
    return start()
  }
}

async function keepChange(
  { job, deps }: Context,
  input: { sandbox: Sandbox; view: MirrorView; base: Base },
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  const { log } = deps
  const collected = await printing({ log, phase: 'collect' }, (onOutput) =>
    deps.collect({ ...input, onOutput }, signal),
  )
  const change = { ...collected, flagged: listed(collected.flagged) }
  for (const message of change.skipped) await log.write('collect', 'notice', { message })
  if (change.stats.files === 0) return { answer: null, change: { ...change, commit: null, branch: null } }
  const { commit, branch } = await deps.commit(job, input.view, { change, base: input.base })
  return { answer: null, change: { ...change, commit, branch } }
}

/** Every look at a task carries this list: a change with a hundred thousand such files must not make it one of megabytes. */
function listed(flagged: readonly FlaggedPath[]): FlaggedPath[] {
  if (flagged.length <= MAX_FLAGGED) return [...flagged]
  const more = flagged.length - MAX_FLAGGED + 1
  return [...flagged.slice(0, MAX_FLAGGED - 1), { path: '…', why: `and ${more} more files like these` }]
}

/** A sandbox looks at its limits before it reports a failed command, so a breach that caused it is known by now. */
async function agentMustSucceed(agent: AgentOutcome, sandbox: Sandbox): Promise<void> {
  if (agent.ok) return
  const now = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))
  const breach = await Promise.race([sandbox.breached, now])
  if (breach) throw breachFailure(breach)
  throw new AttemptFailure('agent-exited', agent.message)
}
