import { eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { tasks } from '../schema.ts'

// Lock order of every writer, so that none waits for another in a circle:
// attempts, user_load and environment_load (by trigger), tasks, task_event_heads.

/**
 * Derives the state of a task from the attempts of its last turn. Call it in the transaction that changed an attempt,
 * after the change and before events are appended.
 */
export async function refreshTaskState(db: Executor, taskId: string): Promise<void> {
  // The lock comes in a statement of its own: the next one then sees what a writer that held it has committed, so
  // that two attempts that end at the same time do not both overlook the other.
  await db.select({ id: tasks.id }).from(tasks).where(eq(tasks.id, taskId)).for('no key update')
  await db.execute(sql`
    update tasks set state = derived.state
    from (
      select case
        when bool_or(a.state = 'collecting') then 'collecting'
        when bool_or(a.state = 'running') then 'running'
        when bool_or(a.state = 'preparing') then 'preparing'
        when bool_or(a.state = 'queued') then 'queued'
        when bool_or(a.state = 'succeeded') then 'succeeded'
        when bool_or(a.state = 'failed') then 'failed'
        else 'cancelled'
      end as state
      from attempts a
      where a.turn_id = (select id from turns where task_id = ${taskId} order by n desc limit 1)
      having count(*) > 0
    ) derived
    where tasks.id = ${taskId} and tasks.state <> derived.state`)
}

export type StateEvent = { attemptId: string; phase: string; payload: Record<string, unknown> }

/** Appends events of kind `state`, in order, and wakes who follows the task when the transaction commits. */
export async function appendStateEvents(db: Executor, taskId: string, added: readonly StateEvent[]): Promise<void> {
  if (added.length === 0) return
  await db.execute(sql`
    with head as (
      update task_event_heads set last_seq = last_seq + ${added.length}
      where task_id = ${taskId}
      returning last_seq - ${added.length} as seq
    )
    insert into events (task_id, seq, attempt_id, phase, kind, payload)
    select ${taskId}, head.seq + e.n, e.value ->> 'attemptId', e.value ->> 'phase', 'state', e.value -> 'payload'
    from head, jsonb_array_elements(${JSON.stringify(added)}::jsonb) with ordinality as e(value, n)`)
  await db.execute(sql`select pg_notify('drydock_events', ${taskId})`)
}
