import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { newId } from '../ids.ts'
import { turnImages } from '../schema/turns.ts'
import type { PromptImage } from './images.ts'

export type TurnToQueue = {
  id: string
  n: number
  prompt: string
  attempts: number
  environmentId: string
  userId: string
  baseAttemptId?: string | undefined
  /** A change to start with, where there is no base attempt. */
  startingPatch?: Buffer | null | undefined
}

/**
 * The end of a statement that writes a turn with its queued attempts and their first events. What it begins with is `head`: the
 * task's row of `task_event_heads`, with `last_seq` raised by the number of attempts. Without that row nothing is written, and
 * no row comes back. Whoever carries it out wakes the runners, after the commit.
 */
export function queuedTurn(turn: TurnToQueue): SQL {
  const { id, n, prompt, environmentId, userId, baseAttemptId = null, startingPatch = null } = turn
  const ids = Array.from({ length: turn.attempts }, newId)
  return sql`
    turn as (
      insert into turns (id, task_id, n, prompt, base_attempt_id, starting_patch)
      select ${id}, head.task_id, ${n}::int, ${prompt}, ${baseAttemptId}, ${startingPatch}::bytea from head
    ), wanted as (
      select head.task_id, a.id, a.n, head.last_seq - ${ids.length}::int + a.n as seq
      from head, unnest(${sql.param(ids)}::text[]) with ordinality as a(id, n)
    ), queued as (
      insert into attempts (id, turn_id, task_id, n, environment_id, user_id)
      select wanted.id, ${id}, wanted.task_id, wanted.n, ${environmentId}, ${userId} from wanted
    ), logged as (
      insert into events (task_id, seq, attempt_id, phase, kind, payload)
      select wanted.task_id, wanted.seq, wanted.id, 'queue', 'state', '{"state": "queued"}' from wanted
    )
    select head.task_id from head`
}

/** The pictures of a turn: bytes, which are better sent by themselves. */
export async function insertImages(tx: Executor, turnId: string, images: readonly PromptImage[]): Promise<void> {
  if (images.length === 0) return
  await tx.insert(turnImages).values(images.map((image, i) => ({ turnId, n: i + 1, ...image })))
}
