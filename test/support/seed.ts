import { newId } from '../../domain/ids.ts'
import type { Db } from '../../domain/db.ts'
import * as schema from '../../domain/schema.ts'

/** Inserts a user, with defaults. */
export async function seedUser(db: Db, input: Partial<typeof schema.users.$inferInsert> = {}): Promise<string> {
  const id = input.id ?? newId()
  await db.insert(schema.users).values({ name: 'Ada', email: 'ada@example.test', role: 'admin', ...input, id })
  return id
}

/** Inserts an environment with a repository of its own. */
export async function seedEnvironment(
  db: Db,
  input: Partial<typeof schema.environments.$inferInsert> & { address?: string } = {},
): Promise<string> {
  const { address, ...environment } = input
  const id = input.id ?? newId()
  const repositoryId = newId()
  await db.insert(schema.repositories).values({ id: repositoryId, forge: 'git', address: address ?? `/srv/${id}` })
  await db.insert(schema.environments).values({ name: id, image: 'base', ...environment, id, repositoryId })
  return id
}

export type SeedTask = { userId: string; environmentId: string; attempts?: number; prompt?: string; priority?: number }

/** Inserts a task with one turn and its queued attempts. */
export async function seedTask(db: Db, input: SeedTask): Promise<{ taskId: string; attemptIds: string[] }> {
  const taskId = newId()
  const turnId = newId()
  const { userId, environmentId } = input
  const attemptIds = Array.from({ length: input.attempts ?? 1 }, () => newId())
  await db.insert(schema.tasks).values({
    id: taskId,
    title: 'a task',
    environmentId,
    mode: 'code',
    creatorId: userId,
    product: 'api',
    agent: 'command',
  })
  await db.insert(schema.turns).values({ id: turnId, taskId, n: 1, prompt: input.prompt ?? 'echo hello > hello.txt' })
  await db.insert(schema.taskEventHeads).values({ taskId })
  await db.insert(schema.attempts).values(
    attemptIds.map((id, i) => ({
      id,
      turnId,
      taskId,
      environmentId,
      userId,
      n: i + 1,
      priority: input.priority ?? 0,
    })),
  )
  return { taskId, attemptIds }
}
