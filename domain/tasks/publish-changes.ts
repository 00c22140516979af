// Publishing the changes of an attempt on several repositories, under the one claim of the attempt's publishing.

import { sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { attempts } from '../schema.ts'
import { storableJson } from '../storable.ts'
import { appendEvent, staleFence } from './append-events.ts'
import type { Fence, PublishMode } from './attempt.ts'
import { askedFor, givenUp, publishFailure, publishStateOf } from './changes.ts'
import type { RepositoryChange } from './changes.ts'
import { holdsPublish, phasesWith, placeOf, publishEvent, savePullRequest } from './publishing.ts'
import type { PublishOutcome, PublishResult } from './publishing.ts'
import { recordPublished } from './record-published.ts'
import type { PublishPlace } from './record-published.ts'

/** Notes how publishing one of the changes ended, at once: what is published is not published again. */
export async function settleChange(
  db: Db,
  fence: Fence,
  { name, outcome, placed }: { name: string; outcome: PublishOutcome; placed?: PublishPlace | undefined },
): Promise<void> {
  await db.transaction(async (tx) => {
    const { changes } = await lockChanges(tx, fence)
    const settled = changes.map((change) => (change.name === name ? withOutcome(change, outcome) : change))
    await tx.execute(sql`
      update attempts set changes = ${storableJson(settled)}::jsonb where ${holdsPublish(fence)}`)
    if (changes[0]?.name === name) await saveFirst(tx, fence, outcome)
    await appendEvent(tx, fence.attemptId, publishEvent({ repository: name, ...outcome }))
    if (outcome.state === 'published') await recordPublished(tx, fence.attemptId, { outcome, placed })
  })
}

/**
 * Ends the publishing of all changes; with an outcome that failed, what is still pending is given up. When a person asked
 * for more meanwhile, a pull request or a change that was held, it goes on instead.
 */
export async function settleChanges(db: Db, fence: Fence, { outcome, timing, mode }: PublishResult): Promise<void> {
  await db.transaction(async (tx) => {
    const found = await lockChanges(tx, fence)
    const given =
      outcome.state === 'failed' ? found.changes.map((each) => givenUp(each, outcome.message)) : found.changes
    const changes = found.mode === mode ? given : askedFor(given, false)
    const state = publishStateOf(changes)
    const failure = publishFailure(changes)
    await tx.execute(sql`
      update attempts set changes = ${storableJson(changes)}::jsonb, publish_state = ${state},
        publish_reason = ${state === 'held' ? 'flagged-files' : failure}, publish_lease_until = null,
        publish_runner_id = null, phases = ${phasesWith(timing)}
      where ${holdsPublish(fence)}`)
    if (state === 'pending') await tx.execute(sql`select pg_notify('drydock_queue', '')`)
    else await appendEvent(tx, fence.attemptId, publishEvent({ state, ...(failure !== null && { message: failure }) }))
  })
}

/** Reads the changes of a publishing that is held, and keeps them from others until the transaction ends. */
async function lockChanges(
  db: Executor,
  fence: Fence,
): Promise<{ changes: RepositoryChange[]; mode: PublishMode | null }> {
  const [found] = await db
    .select({ changes: attempts.changes, mode: attempts.publishMode })
    .from(attempts)
    .where(holdsPublish(fence))
    .for('update')
  if (found === undefined) throw staleFence(fence)
  return found
}

/** What the attempt itself says of its change is that of the first. */
async function saveFirst(db: Executor, fence: Fence, outcome: PublishOutcome): Promise<void> {
  if (outcome.state !== 'published') return
  await db.execute(sql`update attempts set ${placeOf(outcome)} where ${holdsPublish(fence)}`)
  await savePullRequest(db, fence, outcome)
}

function withOutcome(change: RepositoryChange, outcome: PublishOutcome): RepositoryChange {
  if (outcome.state === 'failed') return { ...change, publish: { state: 'failed', reason: outcome.message } }
  const { branch = change.branch, commit = change.commit, pullRequest = change.pullRequest } = outcome
  return { ...change, branch, commit, publish: { state: 'published', reason: null }, pullRequest }
}
