import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'

/** An event as it goes over the wire: one line of JSON with `seq, at, attempt, phase, kind` and what its kind has. */
export type EventLine = { seq: number; json: string }

/** What one look at a task gives. `ended`: no attempt runs and no publishing is under way. */
export type TaskEvents = { taskId: string; ended: boolean; events: EventLine[] }

type Row = { task_id: string; ended: boolean; seq: string | null; json: string | null }

/** Whose events to read, and after which number. */
export type WantedEvents = { taskId: string; after: number }

/**
 * Reads what came after a number, for many tasks in one statement and so from one point in time: when `ended` is true and
 * fewer than `limit` events came back, there are no more. Tasks that do not exist are left out.
 */
export async function readEvents(db: Executor, wanted: readonly WantedEvents[], limit: number): Promise<TaskEvents[]> {
  return wanted.length === 0 ? [] : grouped(await db.execute<Row>(eventsQuery(wanted, limit)))
}

/**
 * The statement behind `readEvents`, for EXPLAIN too. Numbers have no gaps, so a page is a range of the index, however
 * much comes after it; the limit keeps the planner from joining with the whole table.
 */
export function eventsQuery(wanted: readonly WantedEvents[], limit: number) {
  return sql`
    select t.id as task_id, e.seq, e.json,
      t.state in ('succeeded', 'failed', 'cancelled') and not exists (
        select from attempts a where a.task_id = t.id and a.publish_state = 'pending') as ended
    from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb) as w("taskId" text, after bigint)
    join tasks t on t.id = w."taskId"
    left join lateral (
      select seq, ${eventJson()} as json from events
      where task_id = t.id and seq > w.after and seq <= w.after + ${limit}::int order by seq limit ${limit}::int
    ) e on true
    order by t.id, e.seq`
}

/** Where a task's log stands: the number of its last event. */
export async function readEventHead(db: Executor, taskId: string): Promise<number> {
  const [row] = await db.execute<{ last_seq: string }>(
    sql`select last_seq from task_event_heads where task_id = ${taskId}`,
  )
  return Number(row?.last_seq ?? 0)
}

// The fixed keys come last and so win: whatever a payload holds cannot pose as another event.
function eventJson() {
  return sql`(payload || jsonb_build_object('seq', seq, 'attempt', attempt_id, 'phase', phase, 'kind', kind,
    'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text`
}

function grouped(rows: Iterable<Row>): TaskEvents[] {
  const tasks = new Map<string, TaskEvents>()
  for (const { task_id: taskId, ended, seq, json } of rows) {
    let task = tasks.get(taskId)
    if (task === undefined) tasks.set(taskId, (task = { taskId, ended, events: [] }))
    if (seq !== null && json !== null) task.events.push({ seq: Number(seq), json })
  }
  return [...tasks.values()]
}
