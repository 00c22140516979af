import { hasCode } from '../domain/errors.ts'
import type { FailureReason, FlaggedPath } from '../domain/tasks/attempt.ts'
import type { AttemptBase, AttemptResult } from '../domain/tasks/fenced.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { StartRecord } from '../domain/tasks/start.ts'
import { branchHead } from '../forge/mirrors.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import { runAgentPhase } from './agent-phase.ts'
import type { AgentDeps, Place, ReadyAgent } from './agent-phase.ts'
import { newSandbox } from './attempt-context.ts'
import type { AttemptContext } from './attempt-context.ts'
import { startServices } from './attempt-services.ts'
import type { ServiceDeps } from './attempt-services.ts'
import { attemptSettings } from './attempt-settings.ts'
import { cleanupStack } from './cleanup.ts'
import { connect, needsNetwork } from './connect.ts'
import type { Connection } from './connect.ts'
import type { ResolvedImage } from './environment/image.ts'
import { needsSetUp } from './environment/versions.ts'
import { AttemptFailure } from './failure.ts'
import { printing } from './printing.ts'
import { resumeTurn } from './resume-turn.ts'
import type { EarlierTurn, ResumeDeps } from './resume-turn.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { networkService } from './services/services.ts'
import type { FoundService } from './services/services.ts'
import { recipeOf, takeWarm } from './warm/take-warm.ts'
import type { WarmDeps } from './warm/take-warm.ts'
import { maintain, setUp } from './set-up.ts'
import type { SetUpDeps } from './set-up.ts'
import type { StopSwitch } from './stop.ts'
import type { Base, Change, CheckedOut, Collect } from './workspace/workspace.ts'

const MAX_FLAGGED = 200
/** What may have ended the sandbox itself: that nothing can be collected is no fault of ours. */
const LIMITS: ReadonlySet<FailureReason> = new Set(['out-of-memory', 'disk-full', 'too-many-processes'])
export const WARM = 'A sandbox that waited was taken'

export type RunAttemptDeps = SetUpDeps &
  AgentDeps &
  ResumeDeps &
  ServiceDeps &
  WarmDeps & {
    resolveImage: (name: string, onProgress: OnProgress, signal: AbortSignal) => Promise<ResolvedImage>
    /** Gives the agent's program, installed on first use. */
    readyAgent: (onProgress: OnProgress, signal: AbortSignal) => Promise<ReadyAgent>
    openMirror: (job: Job, signal: AbortSignal) => Promise<MirrorView>
    collect: Collect
    commit: (
      job: Job,
      view: MirrorView,
      input: { change: Change; base: Base },
    ) => Promise<{ commit: string; branch: string }>
    enter: (state: 'running' | 'collecting') => Promise<void>
    recordBase: (base: AttemptBase) => void
    recordStart: (start: StartRecord) => void
    /** The files of a change that hold a secret: people must know before it is published. */
    findSecrets: (patch: Buffer) => Promise<FlaggedPath[]>
  }

type OnProgress = (line: string) => void
export type AttemptOutcome = Pick<AttemptResult, 'answer' | 'change'>

/**
 * Takes one claimed attempt from an empty sandbox to its answer or its change. Rejects with AttemptFailure when the
 * attempt failed, with Stopped when it was stopped, with anything else when we failed. Nothing of it runs afterwards.
 */
export async function runAttempt(job: Job, deps: RunAttemptDeps, stop: StopSwitch): Promise<AttemptOutcome> {
  await using cleanup = cleanupStack()
  cleanup.defer(deps.onStarted)
  const { phases, log } = deps
  const context: Context = { job, deps, stop, cleanup, settings: attemptSettings(job) }
  const { limits } = context.settings

  // An image of ours, or the agent, may have to be made first, which takes longer than a sandbox may.
  const parts = findParts(context)
  const { view, base, earlier } = await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    openBase(context, signal),
  )

  const { image, agent, services } = await phases.run({ phase: 'sandbox', limitMs: limits.setupMs }, () => parts)
  deps.recordBase({ repositoryId: job.repository.id, image: image.digest, commit: base.commit })
  const { sandbox, connection, left } = await startSandbox(context, { view, base, image, agent, services })
  await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    printing({ log, phase: 'checkout' }, (onOutput) => deps.checkOut({ sandbox, view, base, onOutput, left }, signal)),
  )
  const place: Place = { sandbox, connection, view, base, agent }
  await maintain(context, place)
  const resume = job.turn.n > 1 || job.turn.startingPatch ? await resumeIn(context, { ...place, earlier }) : undefined

  await deps.enter('running')
  // From here on there is something to keep: a limit that is reached ends the agent, and what it made is collected still.
  using breach = stop.holdFailures()
  const answer = await withAgent(context, { ...place, resume }, breach.signal)

  await deps.enter('collecting')
  if (job.task.mode === 'ask') return { answer }
  // Awaited here: the sandbox must outlive the collecting.
  return await phases.run({ phase: 'collect', limitMs: limits.collectMs }, ({ signal }) =>
    keepChange(context, place, signal),
  )
}

type Context = AttemptContext<RunAttemptDeps>

async function openBase(
  { job, deps, cleanup }: Context,
  signal: AbortSignal,
): Promise<{ view: MirrorView; base: Base; earlier: EarlierTurn | undefined }> {
  const view = await deps.openMirror(job, signal)
  // Before anything can go wrong: a view that nobody disposes of would hold the mirror for ever.
  cleanup.defer(() => view[Symbol.asyncDispose]())
  const branch = job.task.branch ?? job.repository.defaultBranch ?? view.defaultBranch
  const commit = branchHead(view, branch)
  // A follow-up starts where the turn before did: its change is a change to that very commit.
  const earlier = await deps.earlierTurn()
  if (commit) return { view, base: { commit: earlier?.baseCommit ?? commit, branch }, earlier }
  throw new AttemptFailure('branch-not-found', `Cannot check out branch "${branch}": the repository has no such branch`)
}

/** Begins at once, beside the look at the repository; given up with the attempt. */
function findParts(context: Context) {
  const over = new AbortController()
  context.cleanup.defer(() => over.abort())
  const parts = lookForParts(context, over.signal)
  // Whoever fails before it is asked for does not ask.
  parts.catch(() => undefined)
  return parts
}

async function lookForParts({ job, deps }: Context, signal: AbortSignal) {
  const onProgress = (line: string) => {
    // Nobody waits for it; a log that cannot be written has stopped the attempt by now.
    deps.log.write('sandbox', 'notice', { message: line }).catch(() => undefined)
  }
  const { image, services } = job.environment
  const agent = await deps.readyAgent(onProgress, signal)
  return {
    agent,
    image: await deps.resolveImage(image, onProgress, signal),
    services: await deps.services.find(services, onProgress, signal),
  }
}

type From = { view: MirrorView; base: Base; image: ResolvedImage; agent: ReadyAgent; services: readonly FoundService[] }
type Started = { sandbox: Sandbox; connection: Connection | undefined; left?: CheckedOut }

/** Starts the sandbox for the agent, or takes one that waits: once more from the set-up when its snapshot was removed in between. */
async function startSandbox(context: Context, from: From): Promise<Started> {
  const { job, deps, settings } = context
  const begin = async () => {
    const { ref, id: imageId, start } = await setUp(context, from.image)
    const isNetworked = needsNetwork(context, from.agent.adapter)
    const { view, base } = from
    const input = { ref, view, mounts: programMount(from.agent) }
    const spec = { phase: 'sandbox', limitMs: settings.limits.sandboxMs } as const
    // A sandbox that waits has none beside it.
    const recipe = from.services.length > 0 ? undefined : recipeOf(context, { ...input, base, imageId, isNetworked })
    if (recipe && deps.warm.want(recipe)) {
      const warm = await deps.phases.run(spec, ({ signal }) => takeWarm(context, recipe, signal))
      if (warm) {
        deps.recordStart({ ...start, sandbox: 'warm' })
        await deps.log.write('sandbox', 'notice', { message: WARM })
        return warm
      }
    }
    deps.recordStart({ ...start, sandbox: 'cold' })
    const connection = isNetworked ? await takeNetwork(context, from.services) : undefined
    const sandbox = newSandbox(context, { ...input, network: connection?.network })
    await deps.phases.run(spec, ({ signal }) => sandbox.start(signal))
    if (connection) await startServices(context, { network: connection.network, found: from.services })
    return { sandbox, connection }
  }
  try {
    return await begin()
  } catch (error) {
    const isGone = error instanceof AttemptFailure && error.reason === 'image-unavailable'
    if (!isGone || !needsSetUp(job.environment)) throw error
    return begin()
  }
}

const programMount = ({ program }: ReadyAgent) => (program ? [program.mount] : [])

const resumeIn = (context: Context, into: Place & { earlier: EarlierTurn | undefined }) =>
  context.deps.phases.run({ phase: 'checkout', limitMs: context.settings.limits.checkoutMs }, ({ signal }) =>
    resumeTurn(context, into, signal),
  )

const takeNetwork = (context: Context, found: readonly FoundService[]) =>
  // The first one of an installation waits for the gateway's image.
  context.deps.phases.run({ phase: 'sandbox', limitMs: context.settings.limits.setupMs }, ({ signal }) =>
    connect(context, { services: found.map(networkService) }, signal),
  )

/** The agent's answer. When it failed, or a limit was reached, the failure carries what it changed until then. */
async function withAgent(context: Context, place: Place, breach: AbortSignal): Promise<string> {
  try {
    const answer = await runAgentPhase(context, place, breach)
    breach.throwIfAborted()
    return answer
  } catch (error) {
    if (context.stop.signal.aborted) throw error
    // A limit that was reached is why whatever else went wrong did.
    const failure: unknown = breach.aborted ? breach.reason : error
    if (!(failure instanceof AttemptFailure) || context.job.task.mode === 'ask') throw failure
    throw await withKeptChange(context, place, failure)
  }
}

async function withKeptChange(context: Context, place: Place, failure: AttemptFailure): Promise<AttemptFailure> {
  const { deps, settings } = context
  try {
    await deps.enter('collecting')
    const { patch, stats } = await deps.phases.run(
      { phase: 'collect', limitMs: settings.limits.collectMs },
      ({ signal }) => collectChange(context, place, signal),
    )
    const kept = stats.files === 0 ? undefined : { patch, stats }
    return new AttemptFailure(failure.reason, failure.message, { cause: failure, kept })
  } catch (error) {
    const isLimit = LIMITS.has(failure.reason) && !context.stop.signal.aborted && !hasCode(error, 'stale-fence')
    if (!(error instanceof AttemptFailure) && !isLimit) throw error
    // The failure of the agent is what people must see; without its change, if that cannot be had.
    return failure
  }
}

async function keepChange(context: Context, place: Place, signal: AbortSignal): Promise<AttemptOutcome> {
  const change = await collectChange(context, place, signal)
  if (change.stats.files === 0) return { answer: null, change: { ...change, commit: null, branch: null } }
  const { job, deps } = context
  const { commit, branch } = await deps.commit(job, place.view, { change, base: place.base })
  return { answer: null, change: { ...change, commit, branch } }
}

async function collectChange({ deps }: Context, { sandbox, view, base }: Place, signal: AbortSignal): Promise<Change> {
  const { log } = deps
  const collected = await printing({ log, phase: 'collect' }, (onOutput) =>
    deps.collect({ sandbox, view, base, onOutput }, signal),
  )
  for (const message of collected.skipped) await log.write('collect', 'notice', { message })
  const secrets = await deps.findSecrets(collected.patch)
  return { ...collected, flagged: listed([...secrets, ...collected.flagged]) }
}

/** Every look at a task carries this list: a change with a hundred thousand such files must not make it one of megabytes. */
function listed(flagged: readonly FlaggedPath[]): FlaggedPath[] {
  if (flagged.length <= MAX_FLAGGED) return [...flagged]
  const more = flagged.length - MAX_FLAGGED + 1
  return [...flagged.slice(0, MAX_FLAGGED - 1), { path: '…', why: `and ${more} more files like these` }]
}
