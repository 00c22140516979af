import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { grantFor } from '../domain/providers/grant.ts'
import { latestAgentSession, saveAgentSession } from '../domain/tasks/agent-sessions.ts'
import type { Fence } from '../domain/tasks/attempt.ts'
import { enterState, recordAgentVersion, recordBase, recordStart, recordUsage } from '../domain/tasks/fenced.ts'
import type { Job } from '../domain/tasks/job.ts'
import { previousAttempt, readTurnImages } from '../domain/tasks/turns.ts'
import type { AgentDeps } from './agent-phase.ts'
import type { AgentProgram } from './agent/program.ts'
import type { ConnectDeps } from './connect.ts'
import type { EngineGate } from './engine-gate.ts'
import { resolveImage } from './environment/image.ts'
import type { SnapshotCache } from './environment/snapshot-cache.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import { serveView } from './network/served-repository.ts'
import { openMirror } from './open-mirror.ts'
import type { Phases } from './phases.ts'
import { commitChange } from './publish/commit-change.ts'
import { asFailure, credentialReader, followedPlan } from './read-grants.ts'
import type { ResumeDeps } from './resume-turn.ts'
import { retryDatabase } from './retry-database.ts'
import type { RunAttemptDeps } from './run-attempt.ts'
import type { RunnerDeps } from './runner-deps.ts'
import type { AttemptSecrets } from './secrets/attempt-secrets.ts'
import { servicesOf } from './services/services.ts'
import { restoreSession, saveSession } from './sessions/sessions.ts'
import type { StopSwitch } from './stop.ts'
import type { WriteBehind } from './write-behind.ts'
import type { WarmPool } from './warm/warm-pool.ts'
import { useBy } from './secrets/attempt-secrets.ts'

export type StoryContext = {
  fence: Fence
  job: Job
  log: EventLog
  notes: WriteBehind
  phases: Phases
  stop: StopSwitch
  secrets: AttemptSecrets
  /** What could not be removed, and is swept later. */
  left: { sandbox: boolean }
  deps: RunnerDeps & { engineGate: EngineGate; cache: SnapshotCache; warm: WarmPool }
}

/** What the story of one attempt works with: the runner's parts, bound to the attempt and its fence. */
export function storyDeps(context: StoryContext): RunAttemptDeps {
  const { fence, job, log, phases, secrets, deps } = context
  const { db, engine } = deps
  const write = writer(context)
  const onPull = (image: { ref: string; digest: string }) => {
    deps.logger.info({ ...image, attempt: fence.attemptId }, 'Pulled an image')
    log.write('sandbox', 'notice', { message: `Pulled ${image.ref}: ${image.digest}` }).catch(() => undefined)
  }
  const connect = connecting(context)
  return {
    ...connect,
    onSandboxLeft: (error) => {
      context.left.sandbox = true
      connect.onLeftover(error)
    },
    ...withAgents(context),
    ...resuming(context),
    earlierTurn: () => write(() => previousAttempt(db, fence.attemptId)),
    installation: deps.hostId,
    setupSecrets: secrets.setup,
    findSecrets: secrets.findIn,
    log,
    phases,
    createSandbox: (spec) => engine.createSandbox(spec),
    warm: deps.warm,
    onStarted: deps.warm.hold().release,
    resolveImage: (name, onProgress, signal) =>
      resolveImage(name, { deps: { ...deps.images, engine, onPull }, onProgress }, signal),
    services: servicesOf({ engine, images: deps.images, onPull }),
    async readyAgent(onProgress, signal) {
      const agent = await deps.readyAgent(job.task.agent, onProgress, signal)
      const { program } = agent
      if (program) await write(() => recordAgentVersion(db, fence, versionOf(program)))
      return agent
    },
    cache: deps.cache,
    recordStart: (start) => context.notes.add(() => write(() => recordStart(db, fence, start))),
    openMirror: (of, signal) => openMirror(of, deps, signal),
    checkOut: deps.checkOut,
    collect: deps.collect,
    commit: (of, view, input) => commitChange({ job: of, view, ...input }, deps),
    enter: async (state) => {
      context.notes.add(() => write(() => enterState(db, fence, state)))
      // The agent need not wait for it: when the fence is stale, it is stopped all the same.
      if (state === 'collecting') await context.notes.flush()
      await log.write(phases.current, 'state', { state })
    },
    recordBase: (base) => context.notes.add(() => write(() => recordBase(db, fence, base))),
  }
}

const versionOf = ({ version, sha256 }: AgentProgram) => `${version} sha256:${sha256}`

const writer =
  ({ stop }: StoryContext) =>
  <T>(work: () => Promise<T>) =>
    retryDatabase(work, stop.signal)

function connecting(context: StoryContext): ConnectDeps {
  const { job, fence, log, phases, secrets, deps } = context
  const write = writer(context)
  const { id: environmentId, provider, model, budgetTokens } = job.environment
  return {
    networks: deps.networks,
    plan: followedPlan({ ...job.environment, brokered: secrets.brokered }, deps, { attempt: fence.attemptId }),
    readCredentials: credentialReader({
      ...deps,
      use: useBy(deps.hostId, { environmentId, work: { attempt: fence.attemptId } }),
      write,
      note: (message) => log.write(phases.current, 'notice', { message }),
    }),
    modelGrant: (wire) =>
      write(() => grantFor(deps.db, deps.keyring, { wire, provider, model, budgetTokens })).then(
        (grant) => ({ ...grant, budgetTokens: budgetLeft(grant.budgetTokens, job.attempt) }),
        asFailure('model-unavailable'),
      ),
    async serveView(view, name) {
      const folder = join(
        deps.servedFolder,
        [fence.attemptId, fence.claim, ...(name === undefined ? [] : [name])].join('-'),
      )
      await serveView(folder, view)
      return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
    },
    onLeftover: (error) => {
      deps.logger.error(
        { err: error, attempt: fence.attemptId },
        'Cannot remove what an attempt used; it is swept later',
      )
      deps.engineGate.suspect()
    },
  }
}

/** An earlier claim of the attempt, whose runner was lost, has used some of it. */
function budgetLeft(budget: number | null, used: Pick<Job['attempt'], 'inputTokens' | 'outputTokens'>): number | null {
  if (budget === null) return null
  const left = budget - used.inputTokens - used.outputTokens
  if (left > 0) return left
  throw new AttemptFailure(
    'budget-exhausted',
    'Cannot go on: an earlier try of this attempt, whose runner was lost, has used up its token budget.',
  )
}

type Accounts = Pick<AgentDeps, 'recordUsage' | 'readImages' | 'keepSession'>

function withAgents(context: StoryContext): Accounts {
  const { job, fence, log, deps } = context
  const write = writer(context)
  return {
    recordUsage: ({ inputTokens, outputTokens }) => {
      const { attempt } = job
      const total = {
        inputTokens: attempt.inputTokens + inputTokens,
        outputTokens: attempt.outputTokens + outputTokens,
      }
      return write(() => recordUsage(deps.db, fence, total))
    },
    readImages: () => write(() => readTurnImages(deps.db, job.turn.id)),
    async keepSession({ sandbox, agent, sessionId }, signal) {
      const { adapter, program } = agent
      if (program === undefined) return
      try {
        const archive = await saveSession({ sandbox, adapter, user: job.environment.agentUser }, signal)
        if (archive === undefined) return
        const session = { agent: adapter.id, version: program.version, sessionId, archive: Buffer.from(archive) }
        await write(() => saveAgentSession(deps.db, deps.keyring, { fence, session }))
      } catch (error) {
        deps.logger.warn({ err: error, attempt: fence.attemptId }, 'Cannot keep the session of an agent')
        const message = 'The conversation could not be kept: a follow-up starts without the memory of this turn'
        await log.write('agent', 'notice', { message }).catch(() => undefined)
      }
    },
  }
}

function resuming(context: StoryContext): Omit<ResumeDeps, 'log'> {
  const { fence, job, deps } = context
  const write = writer(context)
  return {
    earlierSession: ({ id, version }) =>
      write(() => latestAgentSession(deps.db, deps.keyring, { attemptId: fence.attemptId, agent: id, version })),
    restoreSession: ({ sandbox, adapter, session }, signal) =>
      restoreSession({ sandbox, adapter, archive: session.archive, user: job.environment.agentUser }, signal),
  }
}
