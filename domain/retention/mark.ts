// Removing begins with a row that refuses whoever wants the content. It is written while the task is held, so that nobody
// goes on with it or publishes it at the same moment; what is left after that has all the time that it takes.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { CONTENT, SERVER } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import type { RemovalRule } from './kinds.ts'

/** Tasks that are held at the same time. */
const AT_ONCE = 200

/** Marks what a rule says, and notes how much in the audit log. Answers with the number of tasks. */
export async function markDue(db: Db, rule: RemovalRule): Promise<number> {
  let marked = 0
  let batch: { found: number; marked: number }
  do {
    batch = await markSome(db, rule)
    marked += batch.marked
    // Those that somebody holds are found again, and left for another time.
  } while (batch.found === AT_ONCE && batch.marked > 0)
  return marked
}

async function markSome(db: Db, rule: RemovalRule): Promise<{ found: number; marked: number }> {
  return db.transaction(async (tx) => {
    const held = await holdTasks(tx, rule)
    if (held.length === 0) return { found: 0, marked: 0 }
    const { kind, why, after } = rule
    const marked = await tx.execute(sql`
      insert into content_removals (task_id, kind, why, after)
      select t.id, ${kind}, ${why}, ${after}::int from tasks t
      where t.id in ${listOf(held)} and ${isDue(rule)} and ${areHeld(await holdAttempts(tx, held))}
      on conflict do nothing returning task_id`)
    if (marked.length === 0) return { found: held.length, marked: 0 }
    const what = { kind, why, after, tasks: marked.length }
    await recordAudit(tx, { by: SERVER, action: 'content.remove', target: CONTENT, after: what })
    return { found: held.length, marked: marked.length }
  })
}

/** The heads first, as whoever goes on with a task does; what somebody has is left for the next time. */
async function holdTasks(tx: Executor, rule: RemovalRule): Promise<string[]> {
  const rows = await tx.execute<{ task_id: string }>(sql`
    select h.task_id from task_event_heads h
    where h.task_id in (
      select t.id from tasks t where ${isDue(rule)} order by t.created_at limit ${AT_ONCE}
    )
    order by h.task_id for update skip locked`)
  return rows.map((row) => row.task_id)
}

async function holdAttempts(tx: Executor, tasks: readonly string[]): Promise<string[]> {
  const rows = await tx.execute<{ id: string }>(
    sql`select id from attempts where task_id in ${listOf(tasks)} order by id for update skip locked`,
  )
  return rows.map((row) => row.id)
}

const areHeld = (ids: readonly string[]) =>
  sql`not exists (select from attempts a where a.task_id = t.id and a.id not in ${listOf(ids)})`

/** Task `t` has ended, publishes nothing, and was left alone for as long as the rule says. */
function isDue({ kind, why, after }: RemovalRule): SQL {
  const before =
    why === 'retention' ? sql`make_interval(days => ${after}::int)` : sql`make_interval(mins => ${after}::int)`
  return sql`t.created_at <= now() - ${before} and ${hasEnded} and ${lastTouched} <= now() - ${before}
    and not exists (select from content_removals r where r.task_id = t.id and r.kind = ${kind})`
}

/** Of task `t`. */
export const hasEnded = sql`t.state in ('succeeded', 'failed', 'cancelled') and not exists (
  select from attempts a where a.task_id = t.id
    and (a.state not in ('succeeded', 'failed', 'cancelled') or a.publish_state = 'pending'))`

/** When the last attempt ended, or what came after it: the last word of the log is that of a publishing. */
const lastTouched = sql`coalesce(greatest(
  (select max(a.finished_at) from attempts a where a.task_id = t.id),
  (select e.at from task_event_heads h join events e on e.task_id = h.task_id and e.seq = h.last_seq where h.task_id = t.id)
), t.created_at)`

export const listOf = (ids: readonly string[]) =>
  sql`(select value from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))`
