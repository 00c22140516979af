import { eq, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { attempts, diffs, tasks } from '../schema.ts'
import { appendEvent } from './append-events.ts'
import { isOpen } from './attempt.ts'
import type { FlaggedPath, PublishState } from './attempt.ts'

const LISTED_FLAGGED = 20

export type PublishRequest = {
  attemptId: string
  /** A person has seen the flagged files and wants them published (R2). */
  confirmFlagged: boolean
}

/**
 * Asks the runners to publish what an attempt made. Asking again while it is under way, or after it was published,
 * changes nothing. Returns the state of publishing afterwards.
 */
export async function requestPublish(db: Db, request: PublishRequest): Promise<PublishState> {
  return db.transaction(async (tx) => {
    const attempt = await lockAttempt(tx, request.attemptId)
    if (attempt.publishState === 'published' || attempt.publishState === 'pending') return attempt.publishState
    if (attempt.publishState === 'held' && !request.confirmFlagged) throw confirmationRequired(attempt.flagged)
    await tx
      .update(attempts)
      .set({ publishState: 'pending', publishMode: 'pull-request', publishReason: null })
      .where(eq(attempts.id, request.attemptId))
    await appendEvent(tx, request.attemptId, {
      phase: 'publish',
      kind: 'publish',
      at: new Date(),
      payload: { state: 'pending' },
    })
    await tx.execute(sql`select pg_notify('drydock_queue', '')`)
    return 'pending'
  })
}

async function lockAttempt(db: Executor, attemptId: string) {
  const [attempt] = await db
    .select({
      state: attempts.state,
      publishState: attempts.publishState,
      flagged: attempts.flagged,
      mode: tasks.mode,
      files: diffs.files,
    })
    .from(attempts)
    .innerJoin(tasks, eq(tasks.id, attempts.taskId))
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .where(eq(attempts.id, attemptId))
    .for('update', { of: attempts })
  const cannot = `Cannot publish attempt "${attemptId}":`
  if (attempt === undefined) throw new DrydockError('attempt-not-found', `${cannot} there is no such attempt`)
  if (attempt.mode !== 'code')
    throw new DrydockError('not-a-code-task', `${cannot} its task is in "${attempt.mode}" mode`)
  if (isOpen(attempt.state)) throw new DrydockError('attempt-not-finished', `${cannot} it is ${attempt.state}`)
  if (attempt.state !== 'succeeded' || attempt.files === null || attempt.files === 0) {
    const why =
      attempt.state === 'succeeded' ? 'it made no changes' : `it ${attempt.state} and has no changes to publish`
    throw new DrydockError('no-changes', `${cannot} ${why}`)
  }
  return attempt
}

function confirmationRequired(flagged: readonly FlaggedPath[]): DrydockError {
  const listed = flagged.slice(0, LISTED_FLAGGED).map(({ path, why }) => `${JSON.stringify(path)} (${why})`)
  const more = flagged.length > LISTED_FLAGGED ? ` and ${flagged.length - LISTED_FLAGGED} more` : ''
  return new DrydockError(
    'confirmation-required',
    `Cannot publish yet: it changes files that other machines run by themselves: ${listed.join(', ')}${more}. ` +
      'Look at them, then ask again with "confirmFlagged": true',
  )
}
