import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { DEFAULT_LIMITS } from '../environments/limits.ts'
import { readSettings } from '../settings/settings.ts'
import { appendEvent } from './append-events.ts'

const HOUR = 3_600_000

/** Ends attempts that waited in the queue for longer than their environment lets them: nobody may be there to take them. */
export async function failOverdue(db: Db): Promise<string[]> {
  const failed: string[] = []
  const { limitCeiling } = await readSettings(db)
  // One attempt a transaction, like the reaper: the load rows are locked in pairs.
  for (;;) {
    const one = await failOne(db, limitCeiling.queueMs ?? DEFAULT_LIMITS.queueMs)
    if (one === undefined) return failed
    failed.push(one)
  }
}

async function failOne(db: Db, ceilingMs: number): Promise<string | undefined> {
  return db.transaction(async (tx) => {
    const limitMs = sql`least(coalesce((e.limits->>'queueMs')::float8, ${DEFAULT_LIMITS.queueMs}), ${ceilingMs})`
    const [found] = await tx.execute<{ id: string; limit_ms: number }>(sql`
      select a.id, ${limitMs} as limit_ms from attempts a join environments e on e.id = a.environment_id
      where a.state = 'queued' and a.queued_at < clock_timestamp() - make_interval(secs => ${limitMs} / 1000)
      limit 1 for update of a skip locked`)
    if (found === undefined) return undefined
    const reason = 'timed-out:queue'
    const message = tooLong(found.limit_ms)
    await appendEvent(tx, found.id, {
      phase: 'queue',
      kind: 'state',
      at: new Date(),
      payload: { state: 'failed', reason, message },
    })
    await tx.execute(sql`
      update attempts set state = 'failed', reason = ${reason}, message = ${message}, finished_at = clock_timestamp()
      where id = ${found.id}`)
    return found.id
  })
}

const tooLong = (ms: number) =>
  `Cannot start the attempt: it waited in the queue for its limit of ${Math.round(ms / (HOUR / 10)) / 10} h. See that a runner takes tasks: drydock doctor. Raise queueMs in the environment's limits to let tasks wait longer.`
