import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { DEFAULT_RESOURCES, SERVICE_RESOURCES } from '../environments/limits.ts'
import { countArrivals } from './arrivals.ts'
import type { Fence } from './attempt.ts'

// lease: a claim's right to an attempt until a time by the database's clock.

export type ClaimOptions = {
  runnerId: string
  leaseMs: number
  /** The room that the runner has, and has left; default: for one. */
  room?: { capacity: number; free: number }
}

/** `slots`: how much of the room it takes. */
export type Claimed = Fence & { slots: number }

/**
 * Takes the next queued attempt: of the least busy user (the one served longest ago among equals), by priority, then
 * age, within the caps of user and environment; of nobody who is disabled. One statement chooses; runners that claim at once skip each other's rows.
 *
 * A slot has the memory of a usual sandbox. What the services of an attempt may use beside theirs takes further slots, if
 * never more than there are. Where one is next and does not fit, nothing is claimed: smaller ones that went first would
 * keep it waiting for ever.
 */
export async function claimNext(db: Db, options: ClaimOptions): Promise<Claimed | undefined> {
  const { claimed, hasArrivals } = await claim(db, options)
  // What arrives while others wait is counted for the next claim; where nobody waits, this one looks again.
  if (claimed !== undefined && !hasArrivals) return claimed
  const wereSome = await countArrivals(db)
  return claimed ?? (wereSome ? (await claim(db, options)).claimed : undefined)
}

type Found = { claimed: Claimed | undefined; hasArrivals: boolean }

async function claim(db: Db, { runnerId, leaseMs, room }: ClaimOptions): Promise<Found> {
  const { capacity, free } = room ?? { capacity: 1, free: 1 }
  const ofService = SERVICE_RESOURCES.memoryMiB / DEFAULT_RESOURCES.memoryMiB
  // Each sub-select locks rows as they are pulled, and the limit pulls one. A row that changed since the snapshot is
  // checked again after its lock, so no cap can be passed by two claims at once.
  const rows = await db.execute<{ id: string; claim: number; slots: number; arrivals: boolean }>(sql`
    with picked as materialized (
      select candidate.id, least(${capacity}::int, 1 + ceil(candidate.services * ${ofService}::float8)::int) as slots
      from (
        select l.user_id from user_load l join users u on u.id = l.user_id
        where l.queued > 0 and l.running < u.max_running and u.disabled_at is null
        order by l.running, l.served_at nulls first, l.user_id
        for update of l skip locked
      ) who
      cross join lateral (
        select a.id, jsonb_array_length(n.services) as services
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
    from picked where a.id = picked.id and picked.slots <= ${free}
    returning a.id, a.claim, picked.slots, exists (select from load_arrivals) as arrivals`)
  const row = rows[0]
  const claimed = row && { attemptId: row.id, claim: row.claim, slots: row.slots }
  return { claimed, hasArrivals: row?.arrivals ?? false }
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
