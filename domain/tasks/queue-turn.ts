import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { newId } from '../ids.ts'
import { attempts, turns } from '../schema.ts'
import { turnImages } from '../schema/turns.ts'
import { appendEvent } from './append-events.ts'
import type { PromptImage } from './images.ts'

export type TurnToQueue = {
  taskId: string
  n: number
  prompt: string
  images: readonly PromptImage[]
  attempts: number
  environmentId: string
  userId: string
  baseAttemptId?: string
  /** A change to start with, where there is no base attempt. */
  startingPatch?: Buffer | null
}

/** Writes a turn with its queued attempts and wakes the runners. Belongs into a transaction of the caller. */
export async function queueTurn(db: Executor, turn: TurnToQueue): Promise<void> {
  const { taskId, n, prompt, images, environmentId, userId, baseAttemptId = null, startingPatch = null } = turn
  const turnId = newId()
  const queued = Array.from({ length: turn.attempts }, (_, i) => ({ id: newId(), n: i + 1 }))
  await db.insert(turns).values({ id: turnId, taskId, n, prompt, baseAttemptId, startingPatch })
  if (images.length > 0) {
    await db.insert(turnImages).values(images.map((image, i) => ({ turnId, n: i + 1, ...image })))
  }
  await db.insert(attempts).values(queued.map((attempt) => ({ ...attempt, turnId, taskId, environmentId, userId })))
  for (const { id } of queued) {
    await appendEvent(db, id, { phase: 'queue', kind: 'state', at: new Date(), payload: { state: 'queued' } })
  }
  await db.execute(sql`select pg_notify('drydock_queue', '')`)
}
