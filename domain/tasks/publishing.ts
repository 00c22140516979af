// Publishing has a state, a lease and a fence of its own: a refused push leaves the attempt succeeded.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { storableJson } from '../storable.ts'
import { appendEvent, staleFence } from './append-events.ts'
import type { Fence, PhaseTiming, PublishMode } from './attempt.ts'
import { givenUp } from './changes.ts'
import type { RepositoryChange } from './changes.ts'
import { recordPublished } from './record-published.ts'
import type { PublishPlace } from './record-published.ts'

export type PublishOptions = { runnerId: string; leaseMs: number }

export const holdsPublish = ({ attemptId, claim }: Fence) =>
  sql`id = ${attemptId} and publish_claim = ${claim} and publish_state = 'pending'`

/**
 * Takes the next publishing that nobody works on, of an attempt that this host ran: the commit lies in its mirrors. The
 * claim number in the fence is that of the publishing.
 */
export async function claimPublish(db: Db, { runnerId, leaseMs }: PublishOptions): Promise<Fence | undefined> {
  const rows = await db.execute<{ id: string; publish_claim: number }>(sql`
    update attempts a set publish_claim = a.publish_claim + 1, publish_tries = a.publish_tries + 1,
      publish_runner_id = ${runnerId},
      publish_lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from (
      select id from attempts
      where publish_state = 'pending' and starts_with(runner_id, ${hostPrefix(runnerId)})
        and (publish_lease_until is null or publish_lease_until < clock_timestamp())
      order by finished_at limit 1 for update skip locked
    ) next
    where a.id = next.id
    returning a.id, a.publish_claim`)
  const row = rows[0]
  return row && { attemptId: row.id, claim: row.publish_claim }
}

const hostPrefix = (runnerId: string) => runnerId.slice(0, runnerId.indexOf('/') + 1)

/** Renews the right to publish. Rejects with `stale-fence` when another runner has it; called right before each push. */
export async function renewPublish(db: Db, fence: Fence, leaseMs: number): Promise<void> {
  const rows = await db.execute(sql`
    update attempts set publish_lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    where ${holdsPublish(fence)} returning id`)
  if (rows.length === 0) throw staleFence(fence)
}

/** Frees publishings that an earlier process of this host had taken. Postponed ones belong to nobody and wait on. */
export async function releasePublishings(db: Db, hostId: string): Promise<void> {
  await db.execute(sql`
    update attempts set publish_lease_until = clock_timestamp()
    where publish_state = 'pending' and starts_with(publish_runner_id, ${`${hostId}/`})`)
}

/** Gives a publishing back untried, to be taken at once: this runner stops. */
export async function releasePublish(db: Db, fence: Fence): Promise<void> {
  await db.execute(sql`
    update attempts set publish_lease_until = clock_timestamp(), publish_runner_id = null,
      publish_tries = greatest(publish_tries - 1, 0)
    where ${holdsPublish(fence)}`)
}

const CANCELLED = 'Cannot publish: the task was cancelled before. Publish again to go on.'
const ABANDONED =
  'Cannot publish: no runner of the machine that has the commit took it for a day. Start the runner there and publish again, or start the task again.'

/** Ends what a task is publishing. Whoever works on it learns so before it pushes or opens anything. */
export async function cancelPublishings(db: Executor, taskId: string): Promise<string[]> {
  return endPending(db, { where: sql`task_id = ${taskId}`, reason: 'cancelled', message: CANCELLED })
}

/** Ends publishings that only the host of the attempt could do, and that it does not do: it is gone for good. */
export async function reapPublishings(db: Db): Promise<string[]> {
  const where = sql`coalesce(publish_lease_until, finished_at) < clock_timestamp() - interval '1 day'`
  return db.transaction((tx) => endPending(tx, { where, reason: 'runner-lost', message: ABANDONED }))
}

type PendingEnd = { where: SQL; reason: string; message: string }

async function endPending(db: Executor, { where, reason, message }: PendingEnd): Promise<string[]> {
  const ended = await db.execute<{ id: string; changes: RepositoryChange[] }>(sql`
    with target as (
      select id from attempts where publish_state = 'pending' and ${where} order by id for update
    )
    update attempts a set publish_state = 'failed', publish_reason = ${message}, publish_lease_until = null,
      publish_runner_id = null
    from target where a.id = target.id
    returning a.id, a.changes`)
  for (const { id, changes } of ended) {
    const given = storableJson(changes.map((change) => givenUp(change, message)))
    if (changes.length > 0) await db.execute(sql`update attempts set changes = ${given}::jsonb where id = ${id}`)
    await appendEvent(db, id, publishEvent({ state: 'failed', reason, message }))
  }
  return ended.map(({ id }) => id)
}

/** Gives a publishing back, to be taken again after a time: the forge is busy or away. The log says so. */
export async function postponePublish(db: Db, fence: Fence, input: { reason: string; delayMs: number }): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.execute(sql`
      update attempts set publish_reason = ${input.reason}, publish_runner_id = null,
        publish_lease_until = clock_timestamp() + make_interval(secs => ${input.delayMs / 1000})
      where ${holdsPublish(fence)} returning id`)
    if (rows.length === 0) throw staleFence(fence)
    await appendEvent(tx, fence.attemptId, publishEvent({ state: 'pending', reason: input.reason }))
  })
}

export type PublishOutcome =
  | {
      state: 'published'
      /** Where it is, if not where the attempt's own branch is: a follow-up goes on with the branch of an earlier turn. */
      branch?: string
      commit?: string
      pullRequest?: { number: number; url: string }
    }
  | { state: 'failed'; reason: string; message: string }

export type PublishResult = {
  outcome: PublishOutcome
  timing: PhaseTiming
  mode: PublishMode | null
  /** Where it was published, and as whom. */
  placed?: PublishPlace | undefined
}

/** Ends a publishing. When a person asked for more than `mode` meanwhile, it goes on instead. */
export async function settlePublish(db: Db, fence: Fence, result: PublishResult): Promise<void> {
  const { outcome, timing, mode, placed } = result
  const reason = outcome.state === 'failed' ? outcome.message : null
  await db.transaction(async (tx) => {
    if (outcome.state === 'published' && (await goOn(tx, fence, mode))) return
    const rows = await tx.execute(sql`
      update attempts set publish_state = ${outcome.state}, publish_reason = ${reason}, publish_lease_until = null,
        publish_runner_id = null, ${placeOf(outcome)}, phases = ${phasesWith(timing)}
      where ${holdsPublish(fence)} returning id`)
    if (rows.length === 0) throw staleFence(fence)
    await savePullRequest(tx, fence, outcome)
    await appendEvent(tx, fence.attemptId, publishEvent({ ...outcome }))
    if (outcome.state === 'published') await recordPublished(tx, fence.attemptId, { outcome, placed })
  })
}

/** Where the attempt's own change is. */
export function placeOf(outcome: PublishOutcome): SQL {
  const { branch = null, commit = null } = outcome.state === 'published' ? outcome : {}
  return sql`branch = coalesce(${branch}, branch), commit = coalesce(${commit}, commit)`
}

/** The attempt's own pull request: that of its first repository. */
export async function savePullRequest(db: Pick<Db, 'execute'>, fence: Fence, outcome: PublishOutcome): Promise<void> {
  if (outcome.state !== 'published' || !outcome.pullRequest) return
  const { number, url } = outcome.pullRequest
  await db.execute(sql`
    insert into pull_requests (attempt_id, number, url) values (${fence.attemptId}, ${number}, ${url})
    on conflict (attempt_id) do update set number = excluded.number, url = excluded.url`)
}

async function goOn(db: Pick<Db, 'execute'>, fence: Fence, mode: PublishMode | null): Promise<boolean> {
  const rows = await db.execute(sql`
    update attempts set publish_lease_until = clock_timestamp(), publish_runner_id = null
    where ${holdsPublish(fence)} and publish_mode is distinct from ${mode}::text
    returning pg_notify('drydock_queue', '')`)
  return rows.length > 0
}

/** The phases, with this publishing in place of an earlier try. */
export const phasesWith = (timing: PhaseTiming) => sql`
  jsonb_path_query_array(phases, '$[*] ? (@.phase != "publish")') || ${JSON.stringify([timing])}::jsonb`

export const publishEvent = (payload: Record<string, unknown>) => ({
  phase: 'publish' as const,
  kind: 'publish',
  at: new Date(),
  payload,
})
