import { newId } from '../../domain/ids.ts'
import type { Db } from '../../domain/db.ts'
import type { Permission } from '../../domain/access/permissions.ts'
import * as schema from '../../domain/schema.ts'
import { groupMembers, groupRoles, groups, roles } from '../../domain/schema/access.ts'

/** Inserts a user, with defaults. */
export async function seedUser(db: Db, input: Partial<typeof schema.users.$inferInsert> = {}): Promise<string> {
  const id = input.id ?? newId()
  await db.insert(schema.users).values({ name: 'Ada', email: 'ada@example.test', role: 'admin', ...input, id })
  return id
}

/** Inserts an environment with a repository of its own. */
export async function seedEnvironment(
  db: Db,
  input: Partial<typeof schema.environments.$inferInsert> & { address?: string; forge?: 'git' | 'github' } = {},
): Promise<string> {
  const { address, forge = 'git', ...environment } = input
  const id = input.id ?? newId()
  const repositoryId = newId()
  await db.insert(schema.repositories).values({ id: repositoryId, forge, address: address ?? `/srv/${id}` })
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

/** Inserts a group with members and with roles that are made of permissions. */
export async function seedGroup(
  db: Db,
  { name, members = [], permissions = [] }: { name?: string; members?: string[]; permissions?: Permission[] } = {},
): Promise<string> {
  const id = newId()
  await db.insert(groups).values({ id, name: name ?? id })
  if (members.length > 0) await db.insert(groupMembers).values(members.map((userId) => ({ groupId: id, userId })))
  if (permissions.length > 0) {
    await db.insert(roles).values({ id, name: id, permissions })
    await db.insert(groupRoles).values({ groupId: id, roleId: id })
  }
  return id
}
