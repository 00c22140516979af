import { expect, test } from 'vitest'
import { keepsAny, releaseTrees } from '../../../../domain/retention/stale-trees.ts'
import { contentRemovals, staleTrees } from '../../../../domain/schema/content-removals.ts'
import { seedContent } from '../../../support/content.ts'
import { testDatabase } from '../../../support/database.ts'

const [A, B, OTHER] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string]

test('releaseTrees() gives a host its own trees that no task has any more, and forgets them when they are gone', async () => {
  await using database = await testDatabase()
  const { db } = database
  const gone = await seedContent(db, { attempt: { tree: A, changes: [] } })
  await seedContent(db, { attempt: { tree: B, changes: [] } })
  await db.insert(contentRemovals).values({ taskId: gone.taskId, kind: 'changes', why: 'retention', after: 1 })
  const listed = [A, B].map((tree) => ({ hostId: 'host', tree }))
  await db.insert(staleTrees).values([...listed, { hostId: 'other', tree: OTHER }])
  expect(await keepsAny(db, [OTHER, B])).toBe(true)
  expect(await keepsAny(db, [OTHER, A])).toBe(false)
  const seen: string[][] = []
  const take = (trees: ReadonlySet<string>) => Promise.resolve(void seen.push([...trees]))

  await releaseTrees(db, { hostId: 'host', settledMs: 3_600_000 }, take)
  expect(seen).toEqual([])
  const fail = () => Promise.reject(new Error('the disk is away'))
  await expect(releaseTrees(db, { hostId: 'host', settledMs: 0 }, fail)).rejects.toThrow('the disk is away')
  await releaseTrees(db, { hostId: 'host', settledMs: 0 }, take)
  expect(seen).toEqual([[A]])
  await releaseTrees(db, { hostId: 'host', settledMs: 0 }, take)
  expect(seen).toHaveLength(1)
  expect((await db.select().from(staleTrees)).map(({ tree }) => tree)).toEqual([OTHER])
})
