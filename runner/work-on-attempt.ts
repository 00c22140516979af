import { hasCode } from '../domain/errors.ts'
import { CAPS } from '../domain/environments/limits.ts'
import { appendEvent, writeEvents } from '../domain/tasks/append-events.ts'
import type { Fence, PhaseTiming } from '../domain/tasks/attempt.ts'
import { fail, recordPhase, succeed } from '../domain/tasks/fenced.ts'
import type { AttemptResult } from '../domain/tasks/fenced.ts'
import { loadJob } from '../domain/tasks/job.ts'
import { giveUp, handBack } from '../domain/tasks/requeue.ts'
import { attemptSettings } from './attempt-settings.ts'
import type { EngineGate } from './engine-gate.ts'
import type { SnapshotCache } from './environment/snapshot-cache.ts'
import { openEventLog } from './event-log.ts'
import { executeAttempt } from './execute-attempt.ts'
import type { EndWrites } from './execute-attempt.ts'
import { LEASE_MS } from './lease.ts'
import type { LeaseKeeper } from './lease.ts'
import { createPhases } from './phases.ts'
import { plannedState } from './publish/planned-state.ts'
import { assertPublishable } from './publish/publisher.ts'
import { retryDatabase } from './retry-database.ts'
import { readSecrets, useBy } from './secrets/attempt-secrets.ts'
import { runAttempt } from './run-attempt.ts'
import type { AttemptOutcome } from './run-attempt.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { stopSwitch } from './stop.ts'
import { storyDeps } from './story-deps.ts'
import type { StoryContext } from './story-deps.ts'
import type { WarmPool } from './warm/warm-pool.ts'
import { writeBehind } from './write-behind.ts'
import { workOnPublishing } from './work-on-publishing.ts'

export type AttemptWorkDeps = RunnerDeps & {
  runnerId: string
  lease: LeaseKeeper
  engineGate: EngineGate
  cache: SnapshotCache
  warm: WarmPool
  /** Aborts when publishings are to be given back. */
  stopping: AbortSignal
}

type Context = StoryContext & { deps: AttemptWorkDeps }

/** Works on one claimed attempt to its end, publishing included. */
export async function workOnAttempt(fence: Fence, deps: AttemptWorkDeps): Promise<void> {
  const { db, lease } = deps
  const stop = stopSwitch()
  const hold = lease.hold(fence, stop)
  try {
    const job = await retryDatabase(() => loadJob(db, fence.attemptId), stop.signal)
    const work = { attempt: fence.attemptId }
    const use = useBy(deps.hostId, { environmentId: job.environment.id, work })
    const secrets = await retryDatabase(() => readSecrets(deps, use), stop.signal)
    const onLost = (error: unknown) => {
      if (!hasCode(error, 'stale-fence')) {
        deps.logger.error({ err: error, attempt: fence.attemptId }, 'Cannot write down an attempt; it stops')
      }
      void lease.wake().finally(() => stop.stop({ kind: 'lease-lost' }))
    }
    await using log = openEventLog({
      mask: secrets.mask,
      append: (events) => retryDatabase(() => writeEvents(db, fence, events), stop.signal),
      onLost,
    })
    const notes = writeBehind(onLost)
    const record = (timing: PhaseTiming) =>
      notes.add(() => retryDatabase(() => recordPhase(db, fence, timing), stop.signal))
    const phases = createPhases({ log, signal: stop.signal, record })
    const left = { sandbox: false }
    const result = await execute({ fence, job, log, notes, phases, stop, secrets, left, deps })
    hold.release()
    if (result?.publish.state === 'pending') {
      await workOnPublishing({ attemptId: fence.attemptId, claim: 1 }, deps, deps.stopping)
    }
  } finally {
    hold.release()
  }
}

async function execute(context: Context): Promise<AttemptResult | undefined> {
  const { fence, job, log, notes, phases, stop, secrets, deps } = context
  const queuedMs = Math.max(0, (job.attempt.startedAt ?? new Date()).getTime() - job.attempt.queuedAt.getTime())
  await log.write('queue', 'state', { state: 'preparing', claim: fence.claim })
  notes.add(() => retryDatabase(() => recordPhase(deps.db, fence, { phase: 'queue', ms: queuedMs }), stop.signal))
  return executeAttempt({
    job,
    log,
    notes,
    phases,
    stop,
    totalMs: attemptSettings(job).limits.totalMs,
    run: async () => {
      if (secrets.failure) throw secrets.failure
      await assertPublishable(job, deps, stop.signal)
      return runAttempt(job, storyDeps(context), stop)
    },
    publishPlan: (outcome) => publishPlan(context, outcome),
    writes: endWrites(context),
    noticeCancel: deps.lease.wake,
    onOurFault: (error) =>
      deps.logger.error({ err: error, attempt: fence.attemptId }, 'An attempt ended through a fault of ours'),
  })
}

function publishPlan({ job, deps }: Context, { change, changes }: AttemptOutcome): AttemptResult['publish'] {
  const { environment } = job
  const states = (changes ?? (change ? [change] : [])).map((each) => plannedState(environment, each))
  if (states.includes('pending')) {
    return { state: 'pending', mode: environment.publish, runnerId: deps.runnerId, leaseMs: LEASE_MS }
  }
  return { state: states.includes('held') ? 'held' : 'none' }
}

function endWrites({ fence, stop, secrets, left, deps }: Context): EndWrites {
  const { db } = deps
  const { mask } = secrets
  // The work signal may have aborted by now; these writes have a limit of their own.
  const write = <T>(work: () => Promise<T>) => retryDatabase(work, AbortSignal.timeout(LEASE_MS))
  return {
    succeed: (result) => {
      const answer = result.answer === null ? null : mask.text(result.answer, { isCut: isFull(result.answer) })
      return retryDatabase(() => succeed(db, fence, { ...result, answer }), stop.signal)
    },
    fail: (failure) => write(() => fail(db, fence, { ...failure, message: mask.text(failure.message) })),
    handBack: () => write(() => handBack(db, fence)),
    giveUp: (failure) => write(() => giveUp(db, fence, failure)),
    noteGone: () =>
      write(() =>
        appendEvent(db, fence.attemptId, {
          phase: 'sandbox',
          kind: 'notice',
          at: new Date(),
          payload: { message: left.sandbox ? NOT_GONE : 'The sandbox is gone' },
        }),
      ),
  }
}

const NOT_GONE = 'The sandbox could not be removed: the engine does not do it. It is removed when the engine is back'

/** So long an answer was cut, perhaps. */
const isFull = (answer: string) => answer.length > CAPS.answerBytes / 2
