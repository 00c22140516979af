// Publishing has a state, a lease and a fence of its own: a refused push leaves the attempt succeeded.

import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { appendEvent, staleFence } from './append-events.ts'
import type { Fence, PhaseTiming, PublishMode } from './attempt.ts'

export type PublishOptions = { runnerId: string; leaseMs: number }

const held = ({ attemptId, claim }: Fence) =>
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
    where ${held(fence)} returning id`)
  if (rows.length === 0) throw staleFence(fence)
}

/** Frees publishings that an earlier process of this host had taken. Postponed ones belong to nobody and wait on. */
export async function releasePublishings(db: Db, hostId: string): Promise<void> {
  await db.execute(sql`
    update attempts set publish_lease_until = null
    where publish_state = 'pending' and starts_with(publish_runner_id, ${`${hostId}/`})`)
}

/** Gives a publishing back untried, to be taken at once: this runner stops. */
export async function releasePublish(db: Db, fence: Fence): Promise<void> {
  await db.execute(sql`
    update attempts set publish_lease_until = null, publish_runner_id = null,
      publish_tries = greatest(publish_tries - 1, 0)
    where ${held(fence)}`)
}

/** Gives a publishing back, to be taken again after a time: the forge is busy or away. The log says so. */
export async function postponePublish(db: Db, fence: Fence, input: { reason: string; delayMs: number }): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.execute(sql`
      update attempts set publish_reason = ${input.reason}, publish_runner_id = null,
        publish_lease_until = clock_timestamp() + make_interval(secs => ${input.delayMs / 1000})
      where ${held(fence)} returning id`)
    if (rows.length === 0) throw staleFence(fence)
    await appendEvent(tx, fence.attemptId, publishEvent({ state: 'pending', reason: input.reason }))
  })
}

export type PublishOutcome =
  | { state: 'published'; pullRequest?: { number: number; url: string } }
  | { state: 'failed'; reason: string; message: string }

export type PublishResult = { outcome: PublishOutcome; timing: PhaseTiming; mode: PublishMode | null }

/** Ends a publishing. When a person asked for more than `mode` meanwhile, it goes on instead. */
export async function settlePublish(db: Db, fence: Fence, result: PublishResult): Promise<void> {
  const { outcome, timing, mode } = result
  const reason = outcome.state === 'failed' ? outcome.message : null
  await db.transaction(async (tx) => {
    if (outcome.state === 'published' && (await goOn(tx, fence, mode))) return
    const rows = await tx.execute(sql`
      update attempts set publish_state = ${outcome.state}, publish_reason = ${reason}, publish_lease_until = null,
        publish_runner_id = null,
        phases = jsonb_path_query_array(phases, '$[*] ? (@.phase != "publish")')
          || ${JSON.stringify([timing])}::jsonb
      where ${held(fence)} returning id`)
    if (rows.length === 0) throw staleFence(fence)
    if (outcome.state === 'published' && outcome.pullRequest) {
      const { number, url } = outcome.pullRequest
      await tx.execute(sql`
        insert into pull_requests (attempt_id, number, url) values (${fence.attemptId}, ${number}, ${url})
        on conflict (attempt_id) do update set number = excluded.number, url = excluded.url`)
    }
    await appendEvent(tx, fence.attemptId, publishEvent({ ...outcome }))
  })
}

async function goOn(db: Pick<Db, 'execute'>, fence: Fence, mode: PublishMode | null): Promise<boolean> {
  const rows = await db.execute(sql`
    update attempts set publish_lease_until = null, publish_runner_id = null
    where ${held(fence)} and publish_mode is distinct from ${mode}::text
    returning pg_notify('drydock_queue', '')`)
  return rows.length > 0
}

const publishEvent = (payload: Record<string, unknown>) => ({
  phase: 'publish' as const,
  kind: 'publish',
  at: new Date(),
  payload,
})
