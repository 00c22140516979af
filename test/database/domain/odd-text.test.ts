import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { attempts, events } from '../../../domain/schema.ts'
import { appendEvents } from '../../../domain/tasks/append-events.ts'
import { fail } from '../../../domain/tasks/fenced.ts'
import { claimNext } from '../../../domain/tasks/queue.ts'
import { giveUp } from '../../../domain/tasks/requeue.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

const ODD = 'registry says \0 and \ud83d'
const KEPT = 'registry says \uFFFD and \uFFFD'

test('fail() and appendEvents() store a message with characters that PostgreSQL refuses', async () => {
  await using database = await testDatabase()
  const { db } = database
  await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  const fence = (await claimNext(db, { runnerId: 'host/1', leaseMs: 30_000 })) ?? expect.unreachable()
  await appendEvents(db, fence, [{ phase: 'sandbox', kind: 'notice', at: new Date(), payload: { message: ODD } }])
  await fail(db, fence, { phase: 'sandbox', reason: 'image-unavailable', message: ODD })
  const [attempt] = await db.select().from(attempts).where(eq(attempts.id, fence.attemptId))
  expect(attempt).toMatchObject({ state: 'failed', message: KEPT })
  const logged = await db.select({ payload: events.payload }).from(events).orderBy(events.seq)
  expect(logged.map(({ payload }) => payload['message'])).toEqual([KEPT, KEPT])
})

test('giveUp() stores such a message in the end', async () => {
  await using database = await testDatabase()
  const { db } = database
  await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  for (let i = 0; i < 3; i++) {
    const fence = (await claimNext(db, { runnerId: 'host/1', leaseMs: 30_000 })) ?? expect.unreachable()
    await giveUp(db, fence, { phase: 'agent', reason: 'internal', message: ODD })
  }
  expect(await db.select().from(attempts)).toMatchObject([{ state: 'failed', message: KEPT }])
})
