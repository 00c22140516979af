import { desc, eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PERMISSIONS } from '../../../../domain/access/permissions.ts'
import { newId } from '../../../../domain/ids.ts'
import { updatePerson } from '../../../../domain/people/update-person.ts'
import { attempts, turns, users } from '../../../../domain/schema.ts'
import { auditEntries } from '../../../../domain/schema/audit.ts'
import { cancelAttemptsOfDisabled } from '../../../../domain/tasks/cancel.ts'
import { claimNext } from '../../../../domain/tasks/queue.ts'
import { readEvents } from '../../../../domain/tasks/read-events.ts'
import { testDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../../support/seed.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const claim = () => claimNext(database.db, { runnerId: 'host/1', leaseMs: 60_000 })
const person = () => seedUser(database.db, { role: 'member' })

async function giver() {
  const userId = await seedUser(database.db, { role: 'owner' })
  return { userId, name: 'Olga', role: 'owner' as const, permissions: new Set(PERMISSIONS), groupIds: [] }
}

async function statesOf(ids: readonly string[]): Promise<Record<string, string>> {
  const rows = await database.db
    .select({ id: attempts.id, state: attempts.state })
    .from(attempts)
    .where(inArray(attempts.id, [...ids]))
  return Object.fromEntries(rows.map(({ id, state }) => [id, state]))
}

/** A follow-up that somebody asked for in a task. */
async function seedFollowUp(input: { taskId: string; environmentId: string; userId: string }): Promise<string> {
  const [id, turnId] = [newId(), newId()]
  await database.db.insert(turns).values({ id: turnId, taskId: input.taskId, n: 2, prompt: 'go on' })
  await database.db.insert(attempts).values({ id, turnId, n: 1, ...input })
  return id
}

test('updatePerson() cancels what somebody who is disabled asked for, in whosever tasks, and nothing else', async () => {
  const { db } = database
  const [by, userId, other] = [await giver(), await person(), await person()]
  const [first, second] = [await seedEnvironment(db), await seedEnvironment(db)]
  const running = await seedTask(db, { userId, environmentId: first, attempts: 2 })
  const claimed = await claim()
  const queued = await seedTask(db, { userId, environmentId: second })
  const others = await seedTask(db, { userId: other, environmentId: second })
  const inOthers = await seedFollowUp({ taskId: others.taskId, environmentId: second, userId })
  const inTheirs = await seedFollowUp({ taskId: queued.taskId, environmentId: second, userId: other })
  const theirs = [...running.attemptIds, ...queued.attemptIds, inOthers]
  const stay = [...others.attemptIds, inTheirs]

  await updatePerson(db, by, { userId, change: { name: 'Ada' } })
  expect(Object.values(await statesOf(theirs)).toSorted()).toEqual(['preparing', 'queued', 'queued', 'queued'])

  await updatePerson(db, by, { userId, change: { disabled: true } })
  expect(new Set(Object.values(await statesOf(theirs)))).toEqual(new Set(['cancelled']))
  expect(new Set(Object.values(await statesOf(stay)))).toEqual(new Set(['queued']))
  expect(running.attemptIds).toContain(claimed?.attemptId)
  const [page] = await readEvents(db, [{ taskId: queued.taskId, after: 0 }], 10)
  expect(JSON.parse(page?.events.at(-1)?.json ?? '')).toMatchObject({
    attempt: queued.attemptIds[0],
    state: 'cancelled',
  })
  const log = await db.select().from(auditEntries).orderBy(desc(auditEntries.seq)).limit(4)
  expect(log.map(({ action, targetId, actorId }) => [action, targetId, actorId])).toEqual(
    expect.arrayContaining([
      ...[running, queued, others].map(({ taskId }) => ['task.cancel', taskId, by.userId]),
      ['user.update', userId, by.userId],
    ]),
  )
})

test('nothing of who is disabled is claimed, and what came in at that moment is cancelled soon', async () => {
  const { db } = database
  const [userId, other] = [await person(), await person()]
  const environmentId = await seedEnvironment(db)
  const late = await seedTask(db, { userId, environmentId })
  const next = await seedTask(db, { userId: other, environmentId })
  await db.update(attempts).set({ state: 'cancelled' }).where(eq(attempts.state, 'queued'))
  await db
    .update(attempts)
    .set({ state: 'queued' })
    .where(inArray(attempts.id, [...late.attemptIds, ...next.attemptIds]))
  await db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, userId))
  expect((await claim())?.attemptId).toBe(next.attemptIds[0])
  expect(await claim()).toBeUndefined()
  await cancelAttemptsOfDisabled(db)
  expect(await statesOf([...late.attemptIds, ...next.attemptIds])).toEqual({
    [late.attemptIds[0] ?? '']: 'cancelled',
    [next.attemptIds[0] ?? '']: 'preparing',
  })
})
