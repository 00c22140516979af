import { createHash } from 'node:crypto'
import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { environments, taskEventHeads, tasks } from '../schema.ts'
import type { TaskMode } from './attempt.ts'
import type { PromptImage } from './images.ts'
import { queueTurn } from './queue-turn.ts'

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
  const id = newId()
  const hash = requestHash(input)
  return db.transaction(async (tx) => {
    await assertEnvironmentStays(tx, input.environmentId)
    const created = await insertTask(tx, { id, hash, input })
    if (!created) return { id: await findByKey(tx, { hash, input }), created: false }
    await queueFirstTurn(tx, { taskId: id, input })
    return { id, created: true }
  })
}

/** Holds the environment until the task is in: one that is being deleted gets no new task. */
async function assertEnvironmentStays(db: Executor, environmentId: string): Promise<void> {
  const rows = await db
    .select({ id: environments.id })
    .from(environments)
    .where(and(eq(environments.id, environmentId), isNull(environments.deletedAt)))
    .for('key share')
  if (rows.length === 0) {
    throw new DrydockError('environment-not-found', 'Cannot create task: its environment was deleted just now')
  }
}

async function insertTask(db: Executor, { id, hash, input }: { id: string; hash: string; input: NewTask }) {
  const rows = await db
    .insert(tasks)
    .values({
      id,
      title: input.title ?? titleOf(input.prompt),
      environmentId: input.environmentId,
      mode: input.mode,
      creatorId: input.creatorId,
      product: input.product,
      branch: input.branch ?? null,
      agent: input.agent,
      idempotencyKey: input.idempotencyKey ?? null,
      idempotencyHash: input.idempotencyKey === undefined ? null : hash,
    })
    .onConflictDoNothing({
      target: [tasks.creatorId, tasks.idempotencyKey],
      where: sql`idempotency_key is not null`,
    })
    .returning({ id: tasks.id })
  return rows.length > 0
}

async function findByKey(db: Executor, { hash, input }: { hash: string; input: NewTask }): Promise<string> {
  const key = input.idempotencyKey ?? ''
  const [existing] = await db
    .select({ id: tasks.id, hash: tasks.idempotencyHash })
    .from(tasks)
    .where(and(eq(tasks.creatorId, input.creatorId), eq(tasks.idempotencyKey, key)))
  if (existing?.hash !== hash) {
    throw new DrydockError(
      'idempotency-mismatch',
      'Cannot create task: this Idempotency-Key was used for another request. Use a new key for a new task',
    )
  }
  return existing.id
}

async function queueFirstTurn(db: Executor, { taskId, input }: { taskId: string; input: NewTask }): Promise<void> {
  await db.insert(taskEventHeads).values({ taskId })
  await queueTurn(db, {
    taskId,
    n: 1,
    prompt: input.prompt,
    images: input.images ?? [],
    startingPatch: input.startingPatch ?? null,
    attempts: input.attempts,
    environmentId: input.environmentId,
    userId: input.creatorId,
  })
}

/** The first line of the prompt that says something. */
function titleOf(prompt: string): string {
  const line = prompt.split('\n', 100).find((candidate) => candidate.trim() !== '') ?? prompt
  const characters = Array.from(line.trim().slice(0, 4 * TITLE_LENGTH))
  return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH - 1).join('')}…` : characters.join('')
}

function requestHash(input: NewTask): string {
  const { environmentId, mode, prompt, agent, branch = null, title = null, images = [] } = input
  const pictures = images.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'))
  const { startingPatch } = input
  const diff = startingPatch ? [{ diff: createHash('sha256').update(startingPatch).digest('hex') }] : []
  const parts = [environmentId, mode, prompt, agent, input.attempts, branch, title, ...pictures, ...diff]
  const request = JSON.stringify(parts)
  return createHash('sha256').update(request).digest('hex')
}
