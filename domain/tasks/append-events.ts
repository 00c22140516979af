import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { announce } from '../announce.ts'
import { DrydockError } from '../errors.ts'
import type { Db } from '../db.ts'
import { storableJson } from '../storable.ts'
import type { Fence, Phase } from './attempt.ts'

export type NewEvent = { phase: Phase; kind: string; at: Date; payload: Record<string, unknown> }

type Writer = Pick<Db, 'execute'>

/**
 * Appends events under a fence, in order, as a part of a transaction. Numbers are given per task under a row lock, so they
 * have no gaps and appear in order. Rejects with `stale-fence` when the attempt is no longer held.
 */
export async function appendEvents(tx: Writer, fence: Fence, events: readonly NewEvent[]): Promise<void> {
  await insertHeld(tx, fence, { events, tells: true })
}

/** The same by itself, for the stream of a log: the followers are told afterwards. */
export async function writeEvents(db: Writer, fence: Fence, events: readonly NewEvent[]): Promise<void> {
  const taskId = await insertHeld(db, fence, { events, tells: false })
  if (taskId !== undefined) announce(db, 'drydock_events', taskId)
}

async function insertHeld(
  db: Writer,
  fence: Fence,
  { events, tells }: Pick<Insert, 'events' | 'tells'>,
): Promise<string | undefined> {
  if (events.length === 0) return undefined
  const taskId = await insertEvents(db, fence.attemptId, { events, condition: holds(fence), tells })
  if (taskId === undefined) throw staleFence(fence)
  return taskId
}

const holds = ({ claim }: Fence) => sql`a.claim = ${claim} and a.state in ('preparing', 'running', 'collecting')`

/** Appends one event that no runner's fence covers: a cancel, a reaping, a publishing. */
export async function appendEvent(db: Writer, attemptId: string, event: NewEvent): Promise<void> {
  await insertEvents(db, attemptId, { events: [event], condition: sql`true`, tells: true })
}

export function staleFence(fence: Fence): DrydockError {
  return new DrydockError(
    'stale-fence',
    `Cannot write attempt "${fence.attemptId}": claim ${fence.claim} no longer holds it`,
  )
}

/** `tells`: the followers, when this is committed. */
type Insert = { events: readonly NewEvent[]; condition: SQL; tells: boolean }

/** Gives the task; undefined where nothing was written. */
async function insertEvents(
  db: Writer,
  attemptId: string,
  { events, condition, tells }: Insert,
): Promise<string | undefined> {
  const [row] = await db.execute<{ task_id: string }>(sql`
    with held as (
      select a.id, a.task_id from attempts a where a.id = ${attemptId} and ${condition} for share
    ), head as (
      update task_event_heads h set last_seq = h.last_seq + ${events.length}
      from held where h.task_id = held.task_id
      returning h.task_id, h.last_seq
    ), written as (
      insert into events (task_id, seq, attempt_id, at, phase, kind, payload)
      select head.task_id, head.last_seq - ${events.length} + e.n, ${attemptId}, (e.value->>'at')::timestamptz,
        e.value->>'phase', e.value->>'kind', e.value->'payload'
      from head, jsonb_array_elements(${storableJson(events)}::jsonb) with ordinality as e(value, n)
    )
    select head.task_id${tells ? sql`, pg_notify('drydock_events', head.task_id)` : sql``} from head`)
  return row?.task_id
}
