import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { attempts } from '../../../../domain/schema.ts'
import { snapshotBuilds, snapshots } from '../../../../domain/schema/snapshots.ts'
import { collectGarbage } from '../../../../runner/environment/collect-garbage.ts'
import type { GarbageDeps } from '../../../../runner/environment/collect-garbage.ts'
import type { Owned } from '../../../../runner/sandbox/engine.ts'
import { HOST, cacheOf, fakeEngine, listener, seedWish, wishFor } from '../../../support/builds.ts'
import { testDatabase } from '../../../support/database.ts'
import { environments } from '../../../../domain/schema.ts'
import { seedTask, seedUser } from '../../../support/seed.ts'

const NEVER = new AbortController().signal

/** An environment with a snapshot of each script, the oldest first; nobody holds them any more. */
async function world(scripts: readonly string[]) {
  const database = await testDatabase()
  const fake = fakeEngine()
  const { cache } = cacheOf(database, fake)
  const { environment } = await seedWish(database)
  const images: string[] = []
  for (const setupScript of scripts) {
    await database.db.update(environments).set({ setupScript }).where(eq(environments.id, environment.id))
    const { ref, release } = await cache.use(await wishFor(database, environment.id), listener(), NEVER)
    release()
    images.push(ref)
  }
  const deps: GarbageDeps = {
    db: database.db,
    engine: fake.engine,
    hostId: HOST,
    logger: pino({ level: 'silent' }),
    cache,
  }
  return {
    ...{ database, fake, cache, images, deps, environmentId: environment.id },
    use: async () => cache.use(await wishFor(database, environment.id), listener(), NEVER),
    collect: (changes: Partial<GarbageDeps> = {}, owned: Owned[] = []) =>
      collectGarbage({ ...deps, ...changes }, owned),
    kept: () => images.filter((image) => fake.images.has(image)),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

const expireAll = ({ database }: Awaited<ReturnType<typeof world>>) =>
  database.db.update(snapshots).set({ expiresAt: sql`now() - interval '1 second'` })

test('collectGarbage() keeps the newest two of an environment', async () => {
  await using it = await world(['a', 'b', 'c', 'd'])
  await it.collect()
  expect(it.kept()).toEqual(it.images.slice(2))
})

test('collectGarbage() removes what is too old, and the next start says that it was', async () => {
  await using it = await world(['a'])
  await expireAll(it)
  await it.collect()
  expect(it.kept()).toEqual([])
  expect((await it.use()).start).toMatchObject({ cache: 'miss', reason: expect.stringMatching(/^older than/) })
})

test('collectGarbage() removes the least recently used ones while the disk is short, and says why', async () => {
  await using it = await world(['a', 'b'])
  // The first one is used again, so that the second one is the older one by use.
  await it.database.db.update(environments).set({ setupScript: 'a' })
  const { release } = await it.use()
  release()
  const free = [1, 1000]
  await it.collect({ freeBytes: async () => free.shift() ?? 1000, floorBytes: 100 })
  expect(it.kept()).toEqual([it.images[0]])
  await it.database.db.update(environments).set({ setupScript: 'b' })
  expect((await it.use()).start.reason).toBe('the image was removed: the disk was short')
})

test('collectGarbage() never removes one that somebody is about to start from, however short the disk is', async () => {
  await using it = await world(['a'])
  const { release, start } = await it.use()
  expect(start.cache).toBe('hit')
  await expireAll(it)
  await it.collect({ freeBytes: async () => 0 })
  expect(it.kept()).toEqual(it.images)
  release()
  await it.collect({ freeBytes: async () => 0 })
  expect(it.kept()).toEqual([])
})

test('collectGarbage() never removes one of a live attempt, also of another process', async () => {
  await using it = await world(['a'])
  const { db } = it.database
  const { attemptIds } = await seedTask(db, { userId: await seedUser(db), environmentId: it.environmentId })
  const start = { cache: 'hit' as const, reason: '', sandbox: 'cold' as const, snapshot: it.images[0] ?? '' }
  const mine = eq(attempts.id, attemptIds[0] ?? '')
  await db.update(attempts).set({ state: 'running', start }).where(mine)
  await expireAll(it)
  await it.collect({ freeBytes: async () => 0 })
  expect(it.kept()).toEqual(it.images)
  await db.update(attempts).set({ state: 'succeeded' }).where(mine)
  await it.collect()
  expect(it.kept()).toEqual([])
})

test('collectGarbage() removes images of builds that died before their row, and none of a build under way', async () => {
  await using it = await world(['a'])
  const image = (build: string): Owned => {
    it.fake.images.add(`drydock/snapshot:${build}`)
    return { type: 'image', id: build, name: `drydock/snapshot:${build}`, kind: 'snapshot', build }
  }
  const place = { hostId: HOST, environmentId: it.environmentId, holder: 'host/1' }
  await it.database.db.insert(snapshotBuilds).values([
    { ...place, key: 'live', build: 'live', leaseUntil: sql`clock_timestamp() + interval '1 hour'` },
    { ...place, key: 'dead', build: 'dead', leaseUntil: sql`clock_timestamp() - interval '1 second'` },
  ])
  await it.collect({}, [image('live'), image('dead'), image('unheard-of')])
  expect([...it.fake.images].sort()).toEqual([...it.images, 'drydock/snapshot:live'].sort())
})

test('collectGarbage() removes the snapshots of a deleted environment', async () => {
  await using it = await world(['a'])
  await it.database.db.update(environments).set({ deletedAt: sql`now()` })
  await it.collect()
  expect(it.kept()).toEqual([])
})
