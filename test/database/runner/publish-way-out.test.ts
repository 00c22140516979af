import { SERVER } from '../../../domain/audit/actions.ts'
import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { attempts, diffs, events } from '../../../domain/schema.ts'
import { cancelTask } from '../../../domain/tasks/cancel.ts'
import { requestPublish } from '../../../domain/tasks/publish-request.ts'
import { reapPublishings } from '../../../domain/tasks/publishing.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'
import { stall, stalledRunner, untilAttempt } from '../../support/stalled-runner.ts'

/** A publishing that stands still in its push, and its runner. */
async function standing(limits: { publishMs?: number } = {}) {
  const database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db, { publish: 'branch', policy: { setup: {} }, limits })
  const at = stall('push')
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  const id = attemptIds[0] ?? ''
  const runner = await stalledRunner(database, at)
  await at.reached
  const until = (state: string) => untilAttempt(database, id, (row) => row.publishState === state)
  await until('pending')
  return {
    ...{ database, db, at, taskId, id, until },
    async [Symbol.asyncDispose]() {
      await runner.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

test('cancel ends a publishing that stands still, and whoever wants it publishes again', async () => {
  await using it = await standing()
  await cancelTask(it.db, it.taskId, SERVER)
  expect(await it.until('failed')).toMatchObject({
    state: 'succeeded',
    publishReason: expect.stringContaining('was cancelled') as string,
  })
  // Again there is nothing to cancel.
  await expect(cancelTask(it.db, it.taskId, SERVER)).rejects.toMatchObject({ code: 'task-already-finished' })
  // The push that stands still is given up: it would hold one of few places.
  await it.at.ended
  await requestPublish(it.db, { by: SERVER, attemptId: it.id, confirmFlagged: false })
  expect(await it.until('published')).toMatchObject({ publishReason: null })
})

test('its limit ends a publishing that stands still, and it is tried again', async () => {
  await using it = await standing({ publishMs: 1500 })
  const row = await untilAttempt(it.database, it.id, ({ publishReason }) => publishReason !== null)
  expect(row).toMatchObject({ publishState: 'pending', publishRunnerId: null })
  expect(row.publishReason).toMatch(/within its limit of 2 s.*tries again at/)
  await it.db.update(attempts).set({ publishLeaseUntil: sql`clock_timestamp()` })
  await it.db.execute(sql`select pg_notify('drydock_queue', '')`)
  await it.until('published')
})

test('a runner that is lost gives up a publishing that stands still', async () => {
  await using it = await standing()
  const next = await stalledRunner(it.database, stall(undefined))
  try {
    expect(await it.until('published')).toMatchObject({ publishClaim: 2 })
  } finally {
    await next.close()
  }
})

test('a publishing needs no engine', async () => {
  await using it = await standing()
  it.at.die()
  it.at.open()
  await it.until('published')
})

test('reapPublishings() ends what the only host that could publish has not taken for a day, and nothing else', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  const { attemptIds } = await seedTask(db, { userId, environmentId, attempts: 3 })
  const ages = ['23 hours', '25 hours', '-1 hour']
  for (const [i, id] of attemptIds.entries()) {
    await db.execute(sql`
      update attempts set state = 'succeeded', runner_id = 'gone/1', finished_at = now() - interval '3 days',
        publish_state = 'pending', publish_lease_until = now() - ${ages[i]}::interval where id = ${id}`)
  }
  const late = attemptIds[1] ?? ''
  expect(await reapPublishings(db)).toEqual([late])
  const [row] = await db.select().from(attempts).where(eq(attempts.id, late))
  expect(row).toMatchObject({ publishState: 'failed', publishReason: expect.stringContaining('for a day') as string })
  const told = await db.select().from(events).where(eq(events.attemptId, late))
  expect(told.map(({ kind, payload }) => [kind, payload['reason']])).toEqual([['publish', 'runner-lost']])
  // Whoever asks again begins a day anew.
  await db.insert(diffs).values({ attemptId: late, patch: Buffer.from('p'), files: 1, additions: 1, deletions: 0 })
  await requestPublish(db, { by: SERVER, attemptId: late, confirmFlagged: false })
  expect(await reapPublishings(db)).toEqual([])
})
