import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable } from '../storable.ts'
import type { Fence } from './attempt.ts'

// lease: a claim's right to an attempt until a time by the database's clock. lost: the lease ran out.

/** How often the reaper queues an attempt again before it fails with `runner-lost`. */
const MAX_REQUEUES = 2

export type ClaimOptions = { runnerId: string; leaseMs: number }

/**
 * Takes the next queued attempt: of the least busy user (the one served longest ago among equals), by priority, then
 * age, within the caps of user and environment. One statement; runners that claim at once skip each other's rows.
 */
export async function claimNext(db: Db, { runnerId, leaseMs }: ClaimOptions): Promise<Fence | undefined> {
  // Each sub-select locks rows as they are pulled, and the limit pulls one. A row that changed since the snapshot is
  // checked again after its lock, so no cap can be passed by two claims at once.
  const rows = await db.execute<{ id: string; claim: number }>(sql`
    with picked as materialized (
      select candidate.id
      from (
        select l.user_id from user_load l join users u on u.id = l.user_id
        where l.queued > 0 and l.running < u.max_running
        order by l.running, l.served_at nulls first, l.user_id
        for update of l skip locked
      ) who
      cross join lateral (
        select a.id
        from attempts a
        join environment_load e on e.environment_id = a.environment_id
        join environments n on n.id = a.environment_id
        where a.user_id = who.user_id and a.state = 'queued' and e.running < n.max_running
        order by a.priority desc, a.created_at, a.id
        limit 1
        for update of a, e skip locked
      ) candidate
      limit 1
    )
    update attempts a set
      state = 'preparing', claim = a.claim + 1, runner_id = ${runnerId}, started_at = clock_timestamp(),
      lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from picked where a.id = picked.id
    returning a.id, a.claim`)
  const row = rows[0]
  return row && { attemptId: row.id, claim: row.claim }
}

/** Renews leases. Resolves to the attempts that are still held; the others were cancelled or given away. */
export async function renewLeases(db: Db, fences: readonly Fence[], leaseMs: number): Promise<Set<string>> {
  if (fences.length === 0) return new Set()
  const rows = await db.execute<{ id: string }>(sql`
    update attempts a set lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from jsonb_to_recordset(${JSON.stringify(fences)}::jsonb) as f("attemptId" text, claim int)
    where a.id = f."attemptId" and a.claim = f.claim and a.state in ('preparing', 'running', 'collecting')
    returning a.id`)
  return new Set(rows.map((row) => row.id))
}

/** Puts a held attempt back in the queue: the runner stops, the attempt is not to blame. */
export async function handBack(db: Db, fence: Fence): Promise<void> {
  await db.execute(sql`
    update attempts set state = 'queued', runner_id = null, lease_until = null, phases = '[]', queued_at = clock_timestamp()
    where id = ${fence.attemptId} and claim = ${fence.claim} and state in ('preparing', 'running', 'collecting')`)
  await db.execute(sql`select pg_notify('drydock_queue', '')`)
}

/** Puts a held attempt back in the queue, counted as lost: something of ours broke. After the second time it fails. */
export async function giveUp(db: Db, fence: Fence, failure: { reason: string; message: string }): Promise<void> {
  await db.execute(sql`
    update attempts a set
      state = case when a.lost < ${MAX_REQUEUES} then 'queued' else 'failed' end,
      reason = case when a.lost < ${MAX_REQUEUES} then null else ${failure.reason} end,
      message = case when a.lost < ${MAX_REQUEUES} then null else ${storable(failure.message)} end,
      finished_at = case when a.lost < ${MAX_REQUEUES} then null else clock_timestamp() end,
      lost = a.lost + 1, runner_id = null, lease_until = null, phases = '[]', queued_at = clock_timestamp()
    where id = ${fence.attemptId} and claim = ${fence.claim} and state in ('preparing', 'running', 'collecting')`)
  await db.execute(sql`select pg_notify('drydock_queue', '')`)
}

export type Reaped = { attemptId: string; taskId: string; state: 'queued' | 'failed' }

/** Takes attempts from runners whose lease ran out: queued again, or, after the second time, failed. */
export const reapExpired = (db: Db): Promise<Reaped[]> => reap(db, sql`lease_until < clock_timestamp()`)

/** Takes what an earlier process of this host left, without waiting for the leases. Only its successor may call this. */
export const reapHost = (db: Db, hostId: string): Promise<Reaped[]> =>
  reap(db, sql`starts_with(runner_id, ${`${hostId}/`})`)

async function reap(db: Db, condition: ReturnType<typeof sql>): Promise<Reaped[]> {
  const reaped: Reaped[] = []
  // One attempt a statement: the load rows are locked in pairs, and two pairs at once could wait for each other.
  for (;;) {
    const rows = await db.execute<{ id: string; task_id: string; state: 'queued' | 'failed' }>(sql`
      with lost as (
        select id from attempts where state in ('preparing', 'running', 'collecting') and ${condition}
        limit 1 for update skip locked
      )
      update attempts a set
        state = case when a.lost < ${MAX_REQUEUES} then 'queued' else 'failed' end,
        reason = case when a.lost < ${MAX_REQUEUES} then null else 'runner-lost' end,
        message = case when a.lost < ${MAX_REQUEUES} then null else
          'Cannot finish the attempt: its runner was lost three times. Look at the runner''s log, then start the task again.' end,
        finished_at = case when a.lost < ${MAX_REQUEUES} then null else clock_timestamp() end,
        lost = a.lost + 1, runner_id = null, lease_until = null, phases = '[]', queued_at = clock_timestamp()
      from lost where a.id = lost.id
      returning a.id, a.task_id, a.state`)
    const row = rows[0]
    if (!row) break
    reaped.push({ attemptId: row.id, taskId: row.task_id, state: row.state })
  }
  if (reaped.length > 0) await db.execute(sql`select pg_notify('drydock_queue', '')`)
  return reaped
}
