import { eq, sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import type { ForgeIdentity } from '../people/forge-logins.ts'
import { assertKept } from '../retention/removed.ts'
import { attempts, diffs, environments, pullRequests, repositories, tasks } from '../schema.ts'
import { appendEvent } from './append-events.ts'
import { isOpen } from './attempt.ts'
import type { FlaggedPath, PublishState } from './attempt.ts'
import { askedFor, isThrough } from './changes.ts'
import { isRepositoryOfAttempt } from './repository-of.ts'

const LISTED_FLAGGED = 20
/** Taken by nobody from now on, never tried. The claim number goes on: an old claim must stay stale. */
const ASKED = {
  publishState: 'pending' as const,
  publishReason: null,
  publishRunnerId: null,
  publishLeaseUntil: sql`clock_timestamp()`,
  publishTries: 0,
}

export type PublishRequest = {
  by: Actor
  /** Who that is on the forge; undefined where none is asked. */
  onForge?: ForgeIdentity | undefined
  attemptId: string
  /** A person has seen the flagged files and wants them published (R2). */
  confirmFlagged: boolean
}

/** What a person who asked for publishing learns at once. */
export type PublishView = {
  attempt: string
  publish: { state: PublishState; reason: string | null }
  branch: string | null
  commit: string | null
  pullRequest: { number: number; url: string } | null
}

/**
 * Asks the runners to publish what an attempt made. Asking again while it is under way, or after it was published,
 * changes nothing; a branch that was published without a pull request gets one where the forge has them.
 */
export async function requestPublish(db: Db, request: PublishRequest): Promise<PublishView> {
  return db.transaction(async (tx) => {
    const attempt = await lockAttempt(tx, request.attemptId)
    if (isDone(attempt)) return viewOf(request.attemptId, attempt)
    const { attemptId } = request
    await assertKept(tx, {
      attemptId,
      kinds: ['transcript', 'changes'],
      cannot: `Cannot publish attempt "${attemptId}"`,
    })
    const changes = askedFor(attempt.changes, request.confirmFlagged)
    const held = heldFiles(attempt)
    if (attempt.publishState === 'pending') {
      // Under way, perhaps as a branch only, or without what is held: who works on it sees before it ends that more is wanted.
      const isMore = attempt.publishMode !== 'pull-request' || (held !== undefined && request.confirmFlagged)
      await tx
        .update(attempts)
        .set({ publishMode: 'pull-request', changes, ...(isMore && { publishBy: request.by.userId }) })
        .where(eq(attempts.id, request.attemptId))
      if (isMore) await record(tx, request, attempt)
      return viewOf(request.attemptId, attempt)
    }
    if (held && !request.confirmFlagged) throw confirmationRequired(held)
    await tx
      .update(attempts)
      .set({ publishMode: 'pull-request', changes, publishBy: request.by.userId, ...ASKED })
      .where(eq(attempts.id, request.attemptId))
    await appendEvent(tx, request.attemptId, {
      phase: 'publish',
      kind: 'publish',
      at: new Date(),
      payload: { state: 'pending' },
    })
    await tx.execute(sql`select pg_notify('drydock_queue', '')`)
    await record(tx, request, attempt)
    return viewOf(request.attemptId, { ...attempt, publishState: 'pending', publishReason: null })
  })
}

async function record(tx: Transaction, request: PublishRequest, attempt: LockedAttempt) {
  const { by, attemptId, confirmFlagged, onForge } = request
  const target = { kind: 'attempt', id: attemptId, name: attempt.title }
  const after = { confirmFlagged, ...(onForge && { onForge }) }
  await recordAudit(tx, { by, action: 'attempt.publish', target, after })
}

type LockedAttempt = Awaited<ReturnType<typeof lockAttempt>>

function isDone({ publishState, pullRequest, forge, changes }: LockedAttempt): boolean {
  if (publishState !== 'published') return false
  return changes.length > 0 ? changes.every(isThrough) : pullRequest !== null || forge === 'git'
}

/** The files that wait for a person's word, if any do. */
function heldFiles({ publishState, flagged, changes }: LockedAttempt): FlaggedPath[] | undefined {
  if (changes.length === 0) return publishState === 'held' ? flagged : undefined
  const held = changes.filter(({ publish }) => publish.state === 'held')
  if (held.length === 0) return undefined
  return held.flatMap((change) => change.flagged.map(({ path, why }) => ({ path: `${change.name}/${path}`, why })))
}

function viewOf(id: string, attempt: LockedAttempt): PublishView {
  const { publishState: state, publishReason: reason, branch, commit, pullRequest } = attempt
  return { attempt: id, publish: { state, reason }, branch, commit, pullRequest }
}

/** Reads the attempt, once it is sure that there is something to publish, and holds it until the transaction ends. */
async function lockAttempt(db: Executor, attemptId: string) {
  const [attempt] = await db
    .select({
      state: attempts.state,
      publishState: attempts.publishState,
      publishReason: attempts.publishReason,
      publishMode: attempts.publishMode,
      title: tasks.title,
      flagged: attempts.flagged,
      changes: attempts.changes,
      branch: attempts.branch,
      commit: attempts.commit,
      mode: tasks.mode,
      files: diffs.files,
      forge: repositories.forge,
      pullRequest: { number: pullRequests.number, url: pullRequests.url },
    })
    .from(attempts)
    .innerJoin(tasks, eq(tasks.id, attempts.taskId))
    .innerJoin(environments, eq(environments.id, tasks.environmentId))
    .innerJoin(repositories, isRepositoryOfAttempt)
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .leftJoin(pullRequests, eq(pullRequests.attemptId, attempts.id))
    .where(eq(attempts.id, attemptId))
    .for('update', { of: attempts })
  const cannot = `Cannot publish attempt "${attemptId}":`
  if (attempt === undefined) throw new DrydockError('attempt-not-found', `${cannot} there is no such attempt`)
  if (attempt.mode !== 'code')
    throw new DrydockError('not-a-code-task', `${cannot} its task is in "${attempt.mode}" mode`)
  if (isOpen(attempt.state)) throw new DrydockError('attempt-not-finished', `${cannot} it is ${attempt.state}`)
  if (attempt.state !== 'succeeded') {
    throw new DrydockError(
      'no-changes',
      `${cannot} it was not successful (${attempt.state}), so there is nothing to publish`,
    )
  }
  const isChanged = attempt.changes.some(({ stats }) => stats.files > 0) || (attempt.files ?? 0) > 0
  if (!isChanged) {
    throw new DrydockError('no-changes', `${cannot} it made no changes`)
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
