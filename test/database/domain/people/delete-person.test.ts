import { eq, sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSession } from '../../../../domain/access/sessions.ts'
import { SCOPES } from '../../../../domain/access/principal.ts'
import type { Giver } from '../../../../domain/access/giving.ts'
import { PERMISSIONS, permissionsOf } from '../../../../domain/access/permissions.ts'
import type { BuiltInRole } from '../../../../domain/access/permissions.ts'
import { createToken, findUserByToken } from '../../../../domain/access/tokens.ts'
import { findUser, listUsers, updateUser } from '../../../../domain/access/users.ts'
import { SERVER } from '../../../../domain/audit/actions.ts'
import { deletePerson } from '../../../../domain/people/delete-person.ts'
import { linkForgeLogin } from '../../../../domain/people/forge-logins.ts'
import { finishDeletions } from '../../../../domain/people/finish-deletion.ts'
import { attempts } from '../../../../domain/schema.ts'
import { deletedPeople } from '../../../../domain/schema/deleted-people.ts'
import { identities } from '../../../../domain/schema/sign-in.ts'
import { environmentCollaborators } from '../../../../domain/schema/access.ts'
import { readTask } from '../../../../domain/tasks/read.ts'
import { allEntries, verifyAll } from '../../../support/audit.ts'
import { seedContent, tablesWith } from '../../../support/content.ts'
import { testDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { seedEnvironment, seedGroup, seedTask, seedUser } from '../../../support/seed.ts'

const NAME = 'Zephyrine'
const EMAIL = 'zephyrine@example.test'

let database: TestDatabase
let owner: Giver
beforeEach(async () => {
  database = await testDatabase()
  owner = giver(await seedUser(db(), { role: 'owner', name: 'Olga' }), 'owner')
})
afterEach(() => database[Symbol.asyncDispose]())

const db = () => database.db
const giver = (userId: string, role: BuiltInRole): Giver => ({
  ...{ userId, name: 'Olga', role, permissions: new Set(permissionsOf(role)), groupIds: [] },
})
const person = (role: BuiltInRole = 'member') => seedUser(db(), { name: NAME, email: EMAIL, role })

/** Every table in which the text stands, the audit log aside. */
async function found(text: string): Promise<string[]> {
  const tables = await db().execute<{ name: string }>(
    sql`select tablename as name from pg_tables where schemaname = 'public' and tablename not like 'audit_%'`,
  )
  const hits: string[] = []
  for (const { name } of tables) {
    const [row] = await db().execute<{ is: boolean }>(
      sql`select exists (select from ${sql.identifier(name)} t where t::text ilike ${`%${text}%`}) as is`,
    )
    if (row?.is) hits.push(name)
  }
  return hits
}

test('deletePerson() leaves of a person that somebody did things, and in no table who', async () => {
  const userId = await person()
  const { taskId } = await seedContent(db(), { userId })
  const { token } = await createToken(db(), { by: SERVER, userId, name: `${NAME}s token`, scopes: SCOPES })
  const tokenId = (await findUserByToken(db(), token))?.tokenId ?? ''
  await createSession(db(), { userId, by: { tokenId }, userAgent: NAME })
  await db().insert(identities).values({ issuer: 'https://idp.test', subject: NAME, userId })
  await linkForgeLogin(db(), { by: { userId, name: NAME }, host: 'github.test', account: { login: NAME, id: 7 } })
  await seedGroup(db(), { members: [userId], permissions: ['cloud.use'] })
  await db()
    .insert(environmentCollaborators)
    .values({ environmentId: await seedEnvironment(db()), email: EMAIL })
  expect(await found(NAME)).toEqual(
    expect.arrayContaining(['users', 'api_tokens', 'sessions', 'identities', 'forge_logins']),
  )

  await deletePerson(db(), owner, userId)
  expect(await findUserByToken(db(), token)).toBeUndefined()
  await finishDeletions(db())

  expect(await found(NAME)).toEqual([])
  expect(await tablesWith(db())).toEqual([])
  const task = await readTask(db(), taskId)
  expect(task).toMatchObject({ state: 'succeeded', creatorName: `Deleted person ${userId.slice(-8)}` })
  expect(task?.removed?.map(({ why }) => why)).toEqual(['person-deleted', 'person-deleted', 'person-deleted'])
  expect(await db().select().from(deletedPeople)).toMatchObject([{ userId, doneAt: expect.any(Date) as Date }])
})

test('the audit log tells of it without their name, and its chain holds', async () => {
  const userId = await person('admin')
  await createToken(db(), { by: { userId, name: NAME }, userId, name: 't', scopes: SCOPES })
  await deletePerson(db(), owner, userId)
  const entry = (await allEntries(db())).at(-1)
  expect(entry).toMatchObject({ action: 'user.delete', actorId: owner.userId, targetId: userId })
  expect(entry?.before).toEqual({ kind: 'person', role: 'admin', tokens: 1 })
  expect(JSON.stringify(entry)).not.toContain(NAME)
  expect((await verifyAll(db())).broken).toBeNull()
})

test('tasks that run are cancelled first, and nothing of that comes into the audit log', async () => {
  const userId = await person()
  const { taskId, attemptIds } = await seedTask(db(), { userId, environmentId: await seedEnvironment(db()) })
  await db()
    .update(attempts)
    .set({ state: 'running', claim: 1 })
    .where(eq(attempts.id, attemptIds[0] ?? ''))
  await deletePerson(db(), owner, userId)
  await finishDeletions(db())
  expect(await readTask(db(), taskId)).toMatchObject({ state: 'cancelled', title: '(content removed)' })
  expect((await allEntries(db())).map(({ action }) => action)).toEqual(['user.delete'])
})

test('finishDeletions() comes back to a task that somebody holds, and then has done', async () => {
  const userId = await person()
  const { attemptId } = await seedContent(db(), { userId })
  await deletePerson(db(), owner, userId)
  await db().transaction(async (tx) => {
    await tx.select().from(attempts).where(eq(attempts.id, attemptId)).for('update')
    await finishDeletions(db())
    expect(await db().select().from(deletedPeople)).toMatchObject([{ doneAt: null }])
  })
  await finishDeletions(db())
  expect(await db().select().from(deletedPeople)).toMatchObject([{ doneAt: expect.any(Date) as Date }])
})

test('who was deleted is in no list, is found by nobody and comes back by no change', async () => {
  const userId = await person()
  await deletePerson(db(), owner, userId)
  expect((await listUsers(db())).map(({ id }) => id)).not.toContain(userId)
  await expect(findUser(db(), userId)).rejects.toMatchObject({ code: 'user-not-found' })
  const change = { disabled: false }
  await expect(updateUser(db(), owner, { userId, change })).rejects.toMatchObject({ code: 'user-not-found' })
  await expect(deletePerson(db(), owner, userId)).rejects.toMatchObject({ code: 'user-not-found' })
})

test('finishDeletions() finds a task that was asked for as its person was deleted', async () => {
  const userId = await person()
  await deletePerson(db(), owner, userId)
  await finishDeletions(db())
  await seedContent(db(), { userId })
  await finishDeletions(db())
  expect(await tablesWith(db())).toEqual([])
})

test('what other people wrote stays', async () => {
  const userId = await person()
  await seedContent(db())
  const before = await tablesWith(db())
  await deletePerson(db(), owner, userId)
  await finishDeletions(db())
  expect(await tablesWith(db())).toEqual(before)
})

test('the last owner is deleted by nobody, and the last administrator of a workspace without owners neither', async () => {
  const refused = { code: 'last-owner' }
  await expect(deletePerson(db(), owner, owner.userId)).rejects.toMatchObject(refused)
  const admin = await person('admin')
  const second = await seedUser(db(), { role: 'owner' })
  await deletePerson(db(), owner, second)
  await db().execute(sql`update users set role = 'member' where id = ${owner.userId}`)
  const anybody = { ...owner, permissions: new Set(PERMISSIONS) }
  await expect(deletePerson(db(), anybody, admin)).rejects.toMatchObject(refused)
  await seedUser(db(), { role: 'admin' })
  await deletePerson(db(), anybody, admin)
})

test('nobody deletes who has more than they have', async () => {
  const manager = { ...giver('m', 'viewer'), permissions: new Set(['members.manage'] as const) }
  await expect(deletePerson(db(), manager, await person())).rejects.toMatchObject({ code: 'forbidden' })
  await expect(deletePerson(db(), giver('a', 'admin'), owner.userId)).rejects.toMatchObject({ code: 'forbidden' })
})
