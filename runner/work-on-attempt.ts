import { findSnapshot, saveSnapshot } from '../domain/environments/snapshots.ts'
import { hasCode } from '../domain/errors.ts'
import { appendEvent, appendEvents } from '../domain/tasks/append-events.ts'
import type { Fence } from '../domain/tasks/attempt.ts'
import { enterState, fail, recordBase, recordPhase, succeed } from '../domain/tasks/fenced.ts'
import type { AttemptResult } from '../domain/tasks/fenced.ts'
import { loadJob } from '../domain/tasks/job.ts'
import type { Job } from '../domain/tasks/job.ts'
import { giveUp, handBack } from '../domain/tasks/requeue.ts'
import { attemptSettings } from './attempt-settings.ts'
import type { EngineGate } from './engine-gate.ts'
import { resolveImage } from './environment/image.ts'
import { openEventLog } from './event-log.ts'
import type { EventLog } from './event-log.ts'
import { executeAttempt } from './execute-attempt.ts'
import type { EndWrites } from './execute-attempt.ts'
import { AttemptFailure } from './failure.ts'
import { LEASE_MS } from './lease.ts'
import type { LeaseKeeper } from './lease.ts'
import { openMirror } from './open-mirror.ts'
import { createPhases } from './phases.ts'
import type { Phases } from './phases.ts'
import { commitChange } from './publish/commit-change.ts'
import { retryDatabase } from './retry-database.ts'
import { runAttempt } from './run-attempt.ts'
import type { AttemptOutcome, RunAttemptDeps } from './run-attempt.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { stopSwitch } from './stop.ts'
import type { StopSwitch } from './stop.ts'
import { workOnPublishing } from './work-on-publishing.ts'

export type AttemptWorkDeps = RunnerDeps & {
  runnerId: string
  lease: LeaseKeeper
  engineGate: EngineGate
  /** Aborts when publishings are to be given back. */
  stopping: AbortSignal
}

type Context = { fence: Fence; job: Job; log: EventLog; phases: Phases; stop: StopSwitch; deps: AttemptWorkDeps }

/** Works on one claimed attempt to its end, publishing included. */
export async function workOnAttempt(fence: Fence, deps: AttemptWorkDeps): Promise<void> {
  const { db, lease } = deps
  const stop = stopSwitch()
  const hold = lease.hold(fence, stop)
  try {
    const job = await retryDatabase(() => loadJob(db, fence.attemptId), stop.signal)
    await using log = openEventLog({
      append: (events) => retryDatabase(() => appendEvents(db, fence, events), stop.signal),
      onLost: (error) => {
        if (!hasCode(error, 'stale-fence')) {
          deps.logger.error({ err: error, attempt: fence.attemptId }, 'Cannot write the log of an attempt; it stops')
        }
        void lease.wake().finally(() => stop.stop({ kind: 'lease-lost' }))
      },
    })
    const record = (timing: Parameters<typeof recordPhase>[2]) =>
      retryDatabase(() => recordPhase(db, fence, timing), stop.signal)
    const phases = createPhases({ log, signal: stop.signal, record })
    const result = await execute({ fence, job, log, phases, stop, deps })
    hold.release()
    if (result?.publish.state === 'pending') {
      await workOnPublishing({ attemptId: fence.attemptId, claim: 1 }, deps, deps.stopping)
    }
  } finally {
    hold.release()
  }
}

async function execute(context: Context): Promise<AttemptResult | undefined> {
  const { fence, job, log, phases, stop, deps } = context
  const queuedMs = Math.max(0, (job.attempt.startedAt ?? new Date()).getTime() - job.attempt.queuedAt.getTime())
  await log.write('queue', 'state', { state: 'preparing', claim: fence.claim })
  await retryDatabase(() => recordPhase(deps.db, fence, { phase: 'queue', ms: queuedMs }), stop.signal)
  return executeAttempt({
    job,
    log,
    phases,
    stop,
    totalMs: attemptSettings(job).limits.totalMs,
    run: () => runAttempt(job, storyDeps(context), stop),
    publishPlan: (outcome) => publishPlan(context, outcome),
    writes: endWrites(context),
    noticeCancel: deps.lease.wake,
    onOurFault: (error) =>
      deps.logger.error({ err: error, attempt: fence.attemptId }, 'An attempt ended through a fault of ours'),
  })
}

function storyDeps({ fence, job, log, phases, stop, deps }: Context): RunAttemptDeps {
  const { db, engine } = deps
  const agent = deps.agents[job.task.agent]
  if (!agent)
    throw new AttemptFailure(
      'agent-unavailable',
      `Cannot run agent "${job.task.agent}": this installation does not have it`,
    )
  const write = <T>(work: () => Promise<T>) => retryDatabase(work, stop.signal)
  return {
    installation: deps.hostId,
    log,
    phases,
    agent,
    createSandbox: (spec) => engine.createSandbox(spec),
    resolveImage: (name, onProgress, signal) => {
      const onPull = (image: { ref: string; digest: string }) => {
        deps.logger.info({ ...image, attempt: fence.attemptId }, 'Pulled an image')
        log.write('sandbox', 'notice', { message: `Pulled ${image.ref}: ${image.digest}` }).catch(() => undefined)
      }
      return resolveImage(name, { deps: { ...deps.images, engine, onPull }, onProgress }, signal)
    },
    snapshots: {
      find: (key) => write(() => findSnapshot(db, key)),
      save: (snapshot) => write(() => saveSnapshot(db, snapshot)),
      imageExists: async (ref) => (await engine.imageInfo(ref)) !== undefined,
    },
    openMirror: (of, signal) => openMirror(of, deps, signal),
    checkOut: deps.checkOut,
    collect: deps.collect,
    commit: (of, view, input) => commitChange({ job: of, view, ...input }, deps),
    enter: async (state) => {
      await write(() => enterState(db, fence, state))
      await log.write(phases.current, 'state', { state })
    },
    onLeftover: (error) => {
      deps.logger.error({ err: error, attempt: fence.attemptId }, 'Cannot remove a sandbox; it is swept later')
      deps.engineGate.suspect()
    },
    recordBase: (base) => write(() => recordBase(db, fence, base)),
  }
}

function publishPlan({ job, deps }: Context, { change }: AttemptOutcome): AttemptResult['publish'] {
  const { publish, holdFlagged } = job.environment
  if (!change?.commit || publish === 'manual') return { state: 'none' }
  if (holdFlagged && change.flagged.length > 0) return { state: 'held' }
  return { state: 'pending', mode: publish, runnerId: deps.runnerId, leaseMs: LEASE_MS }
}

function endWrites({ fence, stop, deps }: Context): EndWrites {
  const { db } = deps
  // The work signal may have aborted by now; these writes have a limit of their own.
  const write = <T>(work: () => Promise<T>) => retryDatabase(work, AbortSignal.timeout(LEASE_MS))
  return {
    succeed: (result) => retryDatabase(() => succeed(db, fence, result), stop.signal),
    fail: (failure) => write(() => fail(db, fence, failure)),
    handBack: () => write(() => handBack(db, fence)),
    giveUp: (failure) => write(() => giveUp(db, fence, failure)),
    noteGone: () =>
      write(() =>
        appendEvent(db, fence.attemptId, {
          phase: 'sandbox',
          kind: 'notice',
          at: new Date(),
          payload: { message: 'The sandbox is gone' },
        }),
      ),
  }
}
