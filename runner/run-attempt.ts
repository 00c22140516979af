import type { AttemptBase, AttemptResult } from '../domain/tasks/fenced.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { StartRecord } from '../domain/tasks/start.ts'
import { runAgentPhase } from './agent-phase.ts'
import type { AgentDeps, Place, ReadyAgent } from './agent-phase.ts'
import { newSandbox } from './attempt-context.ts'
import type { AttemptContext } from './attempt-context.ts'
import { startServices } from './attempt-services.ts'
import type { ServiceDeps } from './attempt-services.ts'
import { attemptSettings } from './attempt-settings.ts'
import { mirrorMounts, openCheckouts } from './checkouts.ts'
import type { Checkouts, CheckoutsDeps } from './checkouts.ts'
import { cleanupStack } from './cleanup.ts'
import { connect, needsNetwork } from './connect.ts'
import type { Connection } from './connect.ts'
import type { ResolvedImage } from './environment/image.ts'
import { needsSetUp } from './environment/versions.ts'
import { AttemptFailure } from './failure.ts'
import { keepChanges, withKeptChanges } from './keep-changes.ts'
import type { KeepDeps } from './keep-changes.ts'
import { printing } from './printing.ts'
import type { EarlierTurn } from './earlier-turn.ts'
import { resumeTurn } from './resume-turn.ts'
import type { ResumeDeps } from './resume-turn.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { networkService } from './services/services.ts'
import type { FoundService } from './services/services.ts'
import { recipeOf, takeWarm } from './warm/take-warm.ts'
import type { WarmDeps } from './warm/take-warm.ts'
import { maintain, setUp } from './set-up.ts'
import type { SetUpDeps } from './set-up.ts'
import type { StopSwitch } from './stop.ts'
import type { CheckedOut } from './workspace/workspace.ts'

export const WARM = 'A sandbox that waited was taken'

export type RunAttemptDeps = SetUpDeps &
  AgentDeps &
  CheckoutsDeps &
  KeepDeps &
  ResumeDeps &
  ServiceDeps &
  WarmDeps & {
    resolveImage: (name: string, onProgress: OnProgress, signal: AbortSignal) => Promise<ResolvedImage>
    /** Gives the agent's program, installed on first use. */
    readyAgent: (onProgress: OnProgress, signal: AbortSignal) => Promise<ReadyAgent>
    recordBase: (base: AttemptBase) => void
    recordStart: (start: StartRecord) => void
  }

type OnProgress = (line: string) => void
export type AttemptOutcome = Pick<AttemptResult, 'answer' | 'change' | 'changes'>

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
  const { checkouts, earlier } = await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    openCheckouts(context, signal),
  )

  const { image, agent, services } = await phases.run({ phase: 'sandbox', limitMs: limits.setupMs }, () => parts)
  deps.recordBase({ repositoryId: job.repository.id, image: image.digest, commit: checkouts[0].base.commit })
  const { sandbox, connection, left } = await startSandbox(context, { checkouts, image, agent, services })
  await phases.run({ phase: 'checkout', limitMs: limits.checkoutMs }, ({ signal }) =>
    printing({ log, phase: 'checkout' }, async (onOutput) => {
      for (const checkout of checkouts) await deps.checkOut({ sandbox, ...checkout, onOutput, left }, signal)
    }),
  )
  const place: Place = { sandbox, connection, checkouts, agent }
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
    keepChanges(context, place, signal),
  )
}

type Context = AttemptContext<RunAttemptDeps>

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

type From = { checkouts: Checkouts; image: ResolvedImage; agent: ReadyAgent; services: readonly FoundService[] }
type Started = { sandbox: Sandbox; connection: Connection | undefined; left?: CheckedOut }

/** Starts the sandbox for the agent, or takes one that waits: once more from the set-up when its snapshot was removed in between. */
async function startSandbox(context: Context, from: From): Promise<Started> {
  const { job, deps, settings } = context
  const begin = async () => {
    const { ref, id: imageId, start } = await setUp(context, from.image)
    const isNetworked = needsNetwork(context, from.agent.adapter)
    const [{ view, base }, ...others] = from.checkouts
    const input = { ref, view, mounts: [...programMount(from.agent), ...mirrorMounts(others)] }
    const spec = { phase: 'sandbox', limitMs: settings.limits.sandboxMs } as const
    // A sandbox that waits has no service beside it, and one repository.
    const isPlain = from.services.length === 0 && others.length === 0
    const recipe = isPlain ? recipeOf(context, { ...input, base, imageId, isNetworked }) : undefined
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
    throw await withKeptChanges(context, place, failure)
  }
}
