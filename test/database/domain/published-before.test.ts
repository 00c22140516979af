import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { attempts, turns } from '../../../domain/schema.ts'
import { publishedBefore } from '../../../domain/tasks/published-before.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

/** A task of three turns, each from the one before; gives the attempts. */
async function threeTurns({ db }: TestDatabase): Promise<[string, string, string]> {
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  let last = attemptIds[0] ?? ''
  const ids = [last]
  for (const n of [2, 3]) {
    const turnId = `turn-${n}`
    await db.insert(turns).values({ id: turnId, taskId, n, prompt: 'more', baseAttemptId: last })
    last = `attempt-${n}`
    await db.insert(attempts).values({ id: last, turnId, taskId, environmentId, userId, n: 1 })
    ids.push(last)
  }
  const [environment] = await db.query.environments.findMany()
  await db.update(attempts).set({ state: 'succeeded', repositoryId: environment?.repositoryId ?? null })
  return ids as [string, string, string]
}

const place = (n: number, branch: string) => ({ branch, commit: `commit${n}`, tree: `tree${n}` })

test('publishedBefore() finds the nearest published attempt that one goes on from', async () => {
  await using database = await testDatabase()
  const { db } = database
  const [first, second, third] = await threeTurns(database)
  const publish = (id: string, n: number, branch: string) =>
    db
      .update(attempts)
      .set({ publishState: 'published', ...place(n, branch) })
      .where(eq(attempts.id, id))
  expect(await publishedBefore(db, third)).toBeUndefined()
  await publish(first, 1, 'a')
  expect(await publishedBefore(db, first)).toBeUndefined()
  expect(await publishedBefore(db, third)).toEqual({ ...place(1, 'a'), isPast: false })
  await publish(third, 3, 'a')
  // Its own publishing is not past itself; that of a turn in between is.
  expect(await publishedBefore(db, third)).toEqual({ ...place(1, 'a'), isPast: false })
  expect(await publishedBefore(db, second)).toEqual({ ...place(1, 'a'), isPast: true })
  await publish(second, 2, 'b')
  expect(await publishedBefore(db, third)).toEqual({ ...place(2, 'b'), isPast: false })
})

test('publishedBefore() takes nothing of another repository', async () => {
  await using database = await testDatabase()
  const { db } = database
  const [first, second] = await threeTurns(database)
  await db
    .update(attempts)
    .set({ publishState: 'published', ...place(1, 'a') })
    .where(eq(attempts.id, first))
  await db.update(attempts).set({ repositoryId: null }).where(eq(attempts.id, second))
  expect(await publishedBefore(db, second)).toBeUndefined()
})
