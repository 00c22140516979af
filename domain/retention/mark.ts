// Removing begins with a row that refuses whoever wants the content. It is written while the task is held, so that nobody
// goes on with it or publishes it at the same moment; what is left after that has all the time that it takes.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { CONTENT, SERVER } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import type { ContentKind, RemovalCause, RemovalRule } from './kinds.ts'

/** Tasks that are held at the same time. */
const AT_ONCE = 200

/** Which tasks `t` to mark, for what, and whether the audit log is told: of a person's deletion it has an entry already. */
export type Marking = {
  kind: ContentKind
  why: RemovalCause
  after: number | null
  where: SQL
  audited: boolean
}

/** Marks what a rule says, and notes how much in the audit log. Answers with the number of tasks. */
export const markDue = (db: Db, rule: RemovalRule): Promise<number> =>
  markAll(db, { ...rule, where: isDue(rule), audited: true })

/** Marks all those that nobody holds at this moment. */
export async function markAll(db: Db, marking: Marking): Promise<number> {
  let marked = 0
  let batch: { found: number; marked: number }
  do {
    batch = await markSome(db, marking)
    marked += batch.marked
    // Those that somebody holds are found again, and left for another time.
  } while (batch.found === AT_ONCE && batch.marked > 0)
  return marked
}

async function markSome(db: Db, marking: Marking): Promise<{ found: number; marked: number }> {
  return db.transaction(async (tx) => {
    const held = await holdTasks(tx, isOpen(marking))
    if (held.length === 0) return { found: 0, marked: 0 }
    const { kind, why, after, audited } = marking
    const marked = await tx.execute(sql`
      insert into content_removals (task_id, kind, why, after)
      select t.id, ${kind}, ${why}, ${after}::int from tasks t
      where t.id in ${listOf(held)} and ${isOpen(marking)} and ${areHeld(await holdAttempts(tx, held))}
      on conflict do nothing returning task_id`)
    if (marked.length === 0) return { found: held.length, marked: 0 }
    if (!audited) return { found: held.length, marked: marked.length }
    const what = { kind, why, after, tasks: marked.length }
    await recordAudit(tx, { by: SERVER, action: 'content.remove', target: CONTENT, after: what })
    return { found: held.length, marked: marked.length }
  })
}

/** The heads first, as whoever goes on with a task does; what somebody has is left for the next time. */
async function holdTasks(tx: Executor, where: SQL): Promise<string[]> {
  const rows = await tx.execute<{ task_id: string }>(sql`
    select h.task_id from task_event_heads h
    where h.task_id in (
      select t.id from tasks t where ${where} order by t.created_at limit ${AT_ONCE}
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
function isDue({ why, after }: RemovalRule): SQL {
  const before =
    why === 'retention' ? sql`make_interval(days => ${after}::int)` : sql`make_interval(mins => ${after}::int)`
  return sql`t.created_at <= now() - ${before} and ${lastTouched} <= now() - ${before}`
}

const isOpen = ({ kind, where }: Marking) => sql`${where} and ${hasEnded}
  and not exists (select from content_removals r where r.task_id = t.id and r.kind = ${kind})`

/** Of task `t`. */
const hasEnded = sql`t.state in ('succeeded', 'failed', 'cancelled') and not exists (
  select from attempts a where a.task_id = t.id
    and (a.state not in ('succeeded', 'failed', 'cancelled') or a.publish_state = 'pending'))`

/** When the last attempt ended, or what came after it: the last word of the log is that of a publishing. */
const lastTouched = sql`coalesce(greatest(
  (select max(a.finished_at) from attempts a where a.task_id = t.id),
  (select e.at from task_event_heads h join events e on e.task_id = h.task_id and e.seq = h.last_seq where h.task_id = t.id)
), t.created_at)`

const listOf = (ids: readonly string[]) =>
  sql`(select value from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))`
