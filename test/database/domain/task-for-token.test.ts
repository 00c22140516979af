import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Permission } from '../../../domain/access/permissions.ts'
import type { Scope } from '../../../domain/access/principal.ts'
import { createToken, findUserByToken, revokeToken } from '../../../domain/access/tokens.ts'
import { SERVER } from '../../../domain/audit/actions.ts'
import { newId } from '../../../domain/ids.ts'
import { apiTokens, settings, users } from '../../../domain/schema.ts'
import { environmentCollaborators, environmentGroups } from '../../../domain/schema/access.ts'
import { findHolderAndTask } from '../../../domain/tasks/task-for-token.ts'
import { findTaskRowFor } from '../../../domain/tasks/task-row.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedGroup, seedTask, seedUser } from '../../support/seed.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

type Limits = { scopes?: readonly Scope[]; permissions?: readonly Permission[]; expiresAt?: Date }

async function tokenOf(userId: string, { scopes = ['read'], ...limits }: Limits = {}): Promise<string> {
  const { token } = await createToken(database.db, { by: SERVER, userId, name: 'test', scopes, ...limits })
  return token
}

const person = (input: Parameters<typeof seedUser>[1] = {}) =>
  seedUser(database.db, { role: 'member', email: `${newId()}@example.test`, ...input })

/** Everybody of whom the decision could come out in another way, with a token, and tasks of every kind of environment. */
async function workspace() {
  const { db } = database
  const [owner, other, inGroup] = [await person(), await person(), await person()]
  const people = [
    ...[owner, other, inGroup, await person({ role: 'viewer' }), await person({ role: 'admin' })],
    await person({ email: 'Ada.Lovelace@Example.TEST', emailVerified: true }),
    await person({ email: 'ada.lovelace@example.test', emailVerified: false }),
    // Signs that other ways to fold would take for letters of somebody else's address.
    await person({ email: 'KIM@example.test', emailVerified: true }),
    await person({ email: '\u212aIM@example.test', emailVerified: true }),
    await person({ email: '', emailVerified: false }),
  ]
  const group = await seedGroup(db, { members: [inGroup], permissions: ['environments.manage'] })
  await seedGroup(db, { members: [inGroup, other], permissions: ['audit.read', 'cloud.use'] })
  const shared = await seedEnvironment(db, { visibility: 'groups', createdBy: owner })
  const hidden = await seedEnvironment(db, { visibility: 'private', createdBy: owner })
  const open = await seedEnvironment(db, { visibility: 'workspace' })
  await db.insert(environmentGroups).values({ environmentId: shared, groupId: group })
  await db
    .insert(environmentCollaborators)
    .values(['ada.lovelace@example.test', 'kim@example.test', ''].map((email) => ({ environmentId: hidden, email })))
  const tasks = await Promise.all(
    [shared, hidden, open].flatMap((environmentId) =>
      [owner, other].map(async (userId) => (await seedTask(db, { userId, environmentId, attempts: 2 })).taskId),
    ),
  )
  const tokens = await Promise.all([
    ...people.map((userId) => tokenOf(userId)),
    tokenOf(inGroup, { permissions: ['environments.manage'], scopes: ['write', 'read'] }),
    tokenOf(owner, { permissions: [], expiresAt: new Date(Date.now() + 3_600_000) }),
  ])
  return { tokens, tasks: [...tasks, newId()] }
}

/** The same by two statements, one after the other. */
async function oneAfterTheOther(token: string, taskId: string) {
  const principal = await findUserByToken(database.db, token, '192.0.2.1')
  return principal && { principal, task: (await findTaskRowFor(database.db, principal, taskId)) ?? null }
}

test.each(['creator', 'environment'])(
  'findHolderAndTask() finds what the two statements find, for everybody and every task (%s)',
  async (audience) => {
    const { tokens, tasks } = await workspace()
    const [key, value] = ['tasksVisibleTo', audience]
    await database.db
      .insert(settings)
      .values({ key, value })
      .onConflictDoUpdate({ target: settings.key, set: { value } })
    const relations = new Set<unknown>()
    for (const token of tokens) {
      for (const taskId of tasks) {
        const found = await findHolderAndTask(database.db, token, { taskId, address: '192.0.2.1' })
        expect(found).toEqual(await oneAfterTheOther(token, taskId))
        relations.add(found?.task === null ? 'no task' : found?.task?.facts.relation)
      }
    }
    expect(relations).toEqual(new Set(['owner', 'collaborator', 'user', null, 'no task']))
  },
)

test.each([
  ['of another form', async () => 'dd_x'],
  ['that is unknown', async () => `dd_${'a'.repeat(43)}`],
  ['that is over', async () => tokenOf(await person(), { expiresAt: new Date(Date.now() - 1000) })],
  [
    'of who is disabled',
    async () => {
      const userId = await person({ disabledAt: new Date() })
      return tokenOf(userId)
    },
  ],
])('findHolderAndTask() finds nobody for a token %s', async (_, make) => {
  const { db } = database
  const userId = await person()
  const { taskId } = await seedTask(db, { userId, environmentId: await seedEnvironment(db) })
  expect(await findHolderAndTask(db, await make(), { taskId })).toBeUndefined()
})

test('findHolderAndTask() finds nobody from the moment on that a token is revoked, or its person disabled', async () => {
  const { db } = database
  const userId = await person()
  const { taskId } = await seedTask(db, { userId, environmentId: await seedEnvironment(db) })
  const [token, second] = [await tokenOf(userId), await tokenOf(userId)]
  const found = await findHolderAndTask(db, token, { taskId })
  expect(found?.task?.row.id).toBe(taskId)
  await revokeToken(db, { id: found?.principal.tokenId ?? '', userId, by: SERVER })
  expect(await findHolderAndTask(db, token, { taskId })).toBeUndefined()
  await db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, userId))
  expect(await findHolderAndTask(db, second, { taskId })).toBeUndefined()
})

test('findHolderAndTask() notes that a token was used', async () => {
  const { db } = database
  const userId = await person()
  const { taskId } = await seedTask(db, { userId, environmentId: await seedEnvironment(db) })
  const token = await tokenOf(userId)
  await findHolderAndTask(db, token, { taskId })
  const [row] = await db.select({ at: apiTokens.lastUsedAt }).from(apiTokens).where(eq(apiTokens.userId, userId))
  expect(row?.at).toBeInstanceOf(Date)
})
