import { DrydockError, hasCode } from '../domain/errors.ts'
import type { FailureReason } from '../domain/tasks/attempt.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { AttemptEnd, AttemptResult } from '../domain/tasks/fenced.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import type { Phases } from './phases.ts'
import type { AttemptOutcome } from './run-attempt.ts'
import type { WriteBehind } from './write-behind.ts'
import { Stopped } from './stop.ts'
import type { StopCause, StopSwitch } from './stop.ts'

/** The writes that end an attempt; each carries the fence. */
export type EndWrites = {
  succeed: (result: AttemptResult) => Promise<void>
  fail: (failure: AttemptEnd) => Promise<void>
  /** Back to the queue without blame: this runner stops. */
  handBack: () => Promise<void>
  /** Back to the queue, counted: something of ours broke. */
  giveUp: (failure: Omit<AttemptEnd, 'kept'>) => Promise<void>
  /** Says whether anything of the attempt may run still. */
  noteGone: () => Promise<void>
}

export type ExecuteDeps = {
  job: Job
  log: EventLog
  notes: Pick<WriteBehind, 'flush'>
  phases: Phases
  stop: StopSwitch
  totalMs: number
  run: () => Promise<AttemptOutcome>
  /** What follows a change without a person's word. */
  publishPlan: (outcome: AttemptOutcome) => AttemptResult['publish']
  writes: EndWrites
  /** Asks the database whether a person cancelled; if so, stops with that cause. */
  noticeCancel: () => Promise<void>
  onOurFault: (error: unknown) => void
}

/** Runs one claimed attempt and writes how it ended. Resolves to the result when it succeeded. */
export async function executeAttempt(deps: ExecuteDeps): Promise<AttemptResult | undefined> {
  const total = setTimeout(() => deps.stop.stop({ kind: 'failed', failure: tooLong(deps.totalMs) }), deps.totalMs)
  try {
    const outcome = await deps.run()
    await Promise.all([deps.log.flush(), deps.notes.flush()])
    const result = { phase: deps.phases.current, ...outcome, publish: deps.publishPlan(outcome) }
    await deps.writes.succeed(result)
    return result
  } catch (error) {
    await writeEnd(deps, error)
    return undefined
  } finally {
    clearTimeout(total)
  }
}

async function writeEnd(deps: ExecuteDeps, error: unknown): Promise<void> {
  await Promise.allSettled([deps.log.flush(), deps.notes.flush()])
  if (hasCode(error, 'stale-fence')) {
    // A fenced write may learn of a cancel or of a later claim before any notification does.
    await deps.noticeCancel()
    deps.stop.stop({ kind: 'lease-lost' })
  }
  const cause: StopCause | undefined = deps.stop.cause ?? (error instanceof Stopped ? error.because : undefined)
  const failure = cause?.kind === 'failed' ? cause.failure : error
  if (cause && cause.kind !== 'failed') return writeStop(deps, cause)
  if (failure instanceof AttemptFailure) {
    const { reason, message, kept } = failure
    return deps.writes.fail({ phase: deps.phases.current, reason, message, ...(kept && { kept }) })
  }
  deps.onOurFault(error)
  await deps.writes.giveUp({ phase: deps.phases.current, reason: ourReason(error), message: ourMessage(error) })
}

async function writeStop({ writes }: ExecuteDeps, cause: StopCause): Promise<void> {
  switch (cause.kind) {
    case 'cancelled':
      return writes.noteGone()
    case 'shutdown':
      return writes.handBack()
    case 'lease-lost':
    case 'failed':
      return
    default:
      cause satisfies never
  }
}

const ourReason = (error: unknown): FailureReason =>
  error instanceof DrydockError && error.code === 'engine-unavailable' ? 'engine-unavailable' : 'internal'

const ourMessage = (error: unknown): string =>
  error instanceof DrydockError
    ? error.message
    : "Cannot finish the attempt: something in Drydock broke. The runner's log has the details."

const tooLong = (ms: number) =>
  new AttemptFailure(
    'timed-out:total',
    `Cannot finish the attempt: it reached its total limit of ${Math.round(ms / 1000)} s. Raise totalMs in the environment's limits.`,
  )
