import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { attempts, turns } from '../../../domain/schema.ts'
import { publishedBefore } from '../../../domain/tasks/published-before.ts'
import { aChange } from '../../support/changes.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

/** A task of three turns, each from the one before; gives the attempts, and what is asked of them. */
async function threeTurns({ db }: TestDatabase) {
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
  const repositoryId = (await db.query.environments.findMany())[0]?.repositoryId ?? ''
  await db.update(attempts).set({ state: 'succeeded', repositoryId })
  return {
    ids: ids as [string, string, string],
    repositoryId,
    before: (attemptId: string, id = repositoryId) => publishedBefore(db, { attemptId, repositoryId: id }),
    set: (id: string, values: Partial<typeof attempts.$inferInsert>) =>
      db.update(attempts).set(values).where(eq(attempts.id, id)),
  }
}

const place = (n: number, branch: string) => ({ branch, commit: `commit${n}`, tree: `tree${n}` })

const published = (n: number, branch: string) => ({ publishState: 'published' as const, ...place(n, branch) })

test('publishedBefore() finds the nearest published attempt that one goes on from', async () => {
  await using database = await testDatabase()
  const { ids, before, set } = await threeTurns(database)
  const [first, second, third] = ids
  expect(await before(third)).toBeUndefined()
  await set(first, published(1, 'a'))
  expect(await before(first)).toBeUndefined()
  expect(await before(third)).toEqual({ ...place(1, 'a'), isPast: false })
  await set(third, published(3, 'a'))
  // Its own publishing is not past itself; that of a turn in between is.
  expect(await before(third)).toEqual({ ...place(1, 'a'), isPast: false })
  expect(await before(second)).toEqual({ ...place(1, 'a'), isPast: true })
  await set(second, published(2, 'b'))
  expect(await before(third)).toEqual({ ...place(2, 'b'), isPast: false })
})

test('publishedBefore() takes nothing of another repository', async () => {
  await using database = await testDatabase()
  const { ids, before, set } = await threeTurns(database)
  await set(ids[0], published(1, 'a'))
  expect(await before(ids[1], 'another')).toBeUndefined()
})

/** A change of the repository that the tests call so; branches have the same name in all of them. */
const changed = (id: string, n: number, state: 'published' | 'failed' = 'published') =>
  aChange({
    name: id,
    repository: { id, forge: 'git', address: id },
    publish: { state, reason: null },
    ...place(n, 'a'),
  })

test('publishedBefore() finds what is published of each of several repositories, whatever came of the others', async () => {
  await using database = await testDatabase()
  const { ids, before, set } = await threeTurns(database)
  const [first, second, third] = ids
  await set(first, { publishState: 'failed', changes: [changed('api', 1), changed('web', 11, 'failed')] })
  expect(await before(second, 'api')).toEqual({ ...place(1, 'a'), isPast: false })
  expect(await before(second, 'web')).toBeUndefined()
  await set(second, { publishState: 'failed', changes: [changed('api', 2, 'failed'), changed('web', 12)] })
  expect(await before(third, 'api')).toEqual({ ...place(1, 'a'), isPast: false })
  expect(await before(third, 'web')).toEqual({ ...place(12, 'a'), isPast: false })
  await set(third, { publishState: 'published', changes: [changed('api', 3), changed('web', 13)] })
  expect(await before(second, 'api')).toMatchObject({ isPast: true })
  expect(await before(second, 'web')).toBeUndefined()
})

test('publishedBefore() finds what a turn published of a repository that was alone then, and the other way round', async () => {
  await using database = await testDatabase()
  const { ids, repositoryId, before, set } = await threeTurns(database)
  const [first, second, third] = ids
  await set(first, published(1, 'a'))
  await set(second, { ...published(2, 'a'), changes: [changed(repositoryId, 2), changed('web', 12)] })
  expect(await before(second)).toEqual({ ...place(1, 'a'), isPast: false })
  expect(await before(third)).toEqual({ ...place(2, 'a'), isPast: false })
})
