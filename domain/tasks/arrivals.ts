import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'

const MOST = 1000

/**
 * Counts attempts that were queued and are in no count yet, those of one user and environment at a time: locks are taken in
 * the order in which a claim takes them. Says whether there were any, also where another claimer has just counted them.
 */
export async function countArrivals(db: Db): Promise<boolean> {
  let { found, counted } = await countNext(db)
  const hasAny = found > 0
  while (counted > 0 && found > counted) ({ found, counted } = await countNext(db))
  return hasAny
}

/** `found`: how many there were in all. */
async function countNext(db: Db): Promise<{ found: number; counted: number }> {
  // One is waited for: whoever counts it is done in no time, and then there may be something to claim.
  const [row] = await db.execute<{ found: number; counted: number }>(sql`
    with next as (
      select user_id, environment_id from load_arrivals limit 1 for update
    ), taken as (
      delete from load_arrivals where attempt_id in (
        select a.attempt_id from load_arrivals a join next using (user_id, environment_id)
        limit ${MOST} for update of a skip locked
      ) returning user_id, environment_id
    ), arrived as (
      select user_id, environment_id, count(*)::int as n from taken group by 1, 2
    ), of_user as (
      insert into user_load as l (user_id, queued) select user_id, n from arrived
      on conflict (user_id) do update set queued = l.queued + excluded.queued
      returning user_id
    ), of_environment as (
      insert into environment_load as l (environment_id, queued)
        select environment_id, n from arrived join of_user using (user_id)
      on conflict (environment_id) do update set queued = l.queued + excluded.queued
    )
    select (select count(*)::int from load_arrivals) as found, (select count(*)::int from taken) as counted`)
  return row ?? { found: 0, counted: 0 }
}
