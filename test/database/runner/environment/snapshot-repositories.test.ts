import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { environments } from '../../../../domain/schema.ts'
import { cacheOf, fakeEngine, listener, seedWish, wishFor } from '../../../support/builds.ts'
import { testDatabase } from '../../../support/database.ts'

const NEVER = new AbortController().signal

test('use() builds anew when a repository is added, with all of them side by side', async () => {
  await using database = await testDatabase()
  const fake = fakeEngine()
  const folders: (string | undefined)[] = []
  const { cache } = cacheOf(database, fake, {
    checkOut: async ({ at }) => {
      folders.push(at?.workspace)
      return { state: '', lines: [] }
    },
  })
  const wish = await seedWish(database, { address: '/srv/shop' })
  await cache.use(wish, listener(), NEVER)
  const { id } = wish.environment
  const repositories = [{ id: 'r2', forge: 'git' as const, address: '/srv/web', name: 'web' }]
  await database.db.update(environments).set({ repositories }).where(eq(environments.id, id))
  const { start } = await cache.use(await wishFor(database, id), listener(), NEVER)
  expect(start).toMatchObject({ cache: 'miss', reason: 'the repository has changed' })
  expect(folders).toEqual(['/workspace', '/workspace/shop', '/workspace/web'])
  const targets = fake.sandboxes.made.at(-1)?.spec.mounts.map(({ target }) => target)
  expect(targets).toEqual(expect.arrayContaining(['/mirror/objects', '/mirror/others/web']))
})
