import { createHash } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import { announce } from '../announce.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { tasks } from '../schema.ts'
import type { TaskMode } from './attempt.ts'
import type { PromptImage } from './images.ts'
import { insertImages, queuedTurn } from './queued-turn.ts'

const TITLE_LENGTH = 80

export type NewTask = {
  environmentId: string
  creatorId: string
  product: string
  mode: TaskMode
  prompt: string
  agent: string
  attempts: number
  branch?: string | undefined
  title?: string | undefined
  idempotencyKey?: string | undefined
  images?: readonly PromptImage[] | undefined
  /** A patch on the commit that the task starts from; its change contains it. */
  startingPatch?: Buffer | undefined
}

/**
 * Queues a task with its attempts and wakes the runners. The same idempotency key with the same request gives the task
 * that exists; with another request it rejects with `idempotency-mismatch`.
 */
export async function createTask(db: Db, input: NewTask): Promise<{ id: string; created: boolean }> {
  const task: TaskToInsert = { id: newId(), turnId: newId(), hash: requestHash(input), input }
  const { images = [] } = input
  const created = await (images.length === 0 ? insertTask(db, task) : insertWithImages(db, task, images))
  if (created) {
    announce(db, 'drydock_queue')
    return { id: task.id, created }
  }
  const known = await findByKey(db, task)
  if (known !== undefined) return { id: known, created }
  throw new DrydockError('environment-not-found', 'Cannot create task: its environment was deleted just now')
}

/** `hash` is null for a request without a key. */
type TaskToInsert = { id: string; turnId: string; hash: string | null; input: NewTask }

/**
 * Everything of a new task but its pictures, in one statement. Says whether it was written: not for a key that is known, nor
 * where the environment is gone. That is held until the task is in: one that is being deleted gets no new task.
 */
async function insertTask(db: Executor, { id, turnId, hash, input }: TaskToInsert): Promise<boolean> {
  const { title = titleOf(input.prompt), mode, creatorId, product, branch = null, agent } = input
  const { environmentId, prompt, attempts, startingPatch, idempotencyKey = null } = input
  const turn = { id: turnId, n: 1, prompt, attempts, environmentId, userId: creatorId, startingPatch }
  const rows = await db.execute(sql`
    with environment as (
      select id from environments where id = ${environmentId} and deleted_at is null for key share
    ), task as (
      insert into tasks (id, title, environment_id, mode, creator_id, product, branch, agent, idempotency_key,
        idempotency_hash)
      select ${id}, ${title}, environment.id, ${mode}, ${creatorId}, ${product}, ${branch}, ${agent}, ${idempotencyKey},
        ${hash}
      from environment
      on conflict (creator_id, idempotency_key) where idempotency_key is not null do nothing
      returning id
    ), head as (
      insert into task_event_heads (task_id, last_seq) select id, ${attempts}::int from task returning task_id, last_seq
    ), ${queuedTurn(turn)}`)
  return rows.length > 0
}

const insertWithImages = (db: Db, task: TaskToInsert, images: readonly PromptImage[]): Promise<boolean> =>
  db.transaction(async (tx) => {
    const created = await insertTask(tx, task)
    if (created) await insertImages(tx, task.turnId, images)
    return created
  })

/** The task that was made with the key of a request before. */
async function findByKey(db: Executor, { hash, input }: TaskToInsert): Promise<string | undefined> {
  if (input.idempotencyKey === undefined) return undefined
  const [existing] = await db
    .select({ id: tasks.id, hash: tasks.idempotencyHash })
    .from(tasks)
    .where(and(eq(tasks.creatorId, input.creatorId), eq(tasks.idempotencyKey, input.idempotencyKey)))
  if (existing === undefined || existing.hash === hash) return existing?.id
  throw new DrydockError(
    'idempotency-mismatch',
    'Cannot create task: this Idempotency-Key was used for another request. Use a new key for a new task',
  )
}

/** The first line of the prompt that says something. */
function titleOf(prompt: string): string {
  const line = prompt.split('\n', 100).find((candidate) => candidate.trim() !== '') ?? prompt
  const characters = Array.from(line.trim().slice(0, 4 * TITLE_LENGTH))
  return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH - 1).join('')}…` : characters.join('')
}

function requestHash(input: NewTask): string | null {
  if (input.idempotencyKey === undefined) return null
  const { environmentId, mode, prompt, agent, branch = null, title = null, images = [] } = input
  const pictures = images.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'))
  const { startingPatch } = input
  const diff = startingPatch ? [{ diff: createHash('sha256').update(startingPatch).digest('hex') }] : []
  const parts = [environmentId, mode, prompt, agent, input.attempts, branch, title, ...pictures, ...diff]
  const request = JSON.stringify(parts)
  return createHash('sha256').update(request).digest('hex')
}
