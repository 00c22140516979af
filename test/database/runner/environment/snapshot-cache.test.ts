import { SERVER } from '../../../../domain/audit/actions.ts'
import { randomBytes } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { readCache, resetCache } from '../../../../domain/environments/cache.ts'
import { setSecret } from '../../../../domain/environments/secrets.ts'
import { readBuild, releaseBuilds } from '../../../../domain/environments/snapshot-builds.ts'
import { environments } from '../../../../domain/schema.ts'
import { snapshotBuilds, snapshots } from '../../../../domain/schema/snapshots.ts'
import { parseKeyring } from '../../../../domain/secrets/keyring.ts'
import { AttemptFailure } from '../../../../runner/failure.ts'
import { HOST, cacheOf, fakeEngine, gate, listener, seedWish, wishFor } from '../../../support/builds.ts'
import type { Gate } from '../../../support/builds.ts'
import { testDatabase } from '../../../support/database.ts'

const NEVER = new AbortController().signal
const isSetup = (command: readonly string[]) => command.includes('/drydock/setup.sh')

/** An engine whose set-up script stands before a gate and ends with a code. */
const gatedEngine = (at: Gate, code = 0) =>
  fakeEngine({
    exec: async ({ spec, out, signal }) => {
      if (!isSetup(spec.command)) return { code: 0 }
      await out('set-up runs\n')
      at.reach()
      await Promise.race([at.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))])
      return { code }
    },
  })

describe('use()', () => {
  test('misses, builds in a sandbox of its own from the default branch, then hits; each says why', async () => {
    await using database = await testDatabase()
    const fake = fakeEngine()
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    const first = await cache.use(wish, listener(), NEVER)
    expect(first.start).toMatchObject({ cache: 'miss', reason: 'first build', snapshot: first.ref })
    const ears = listener()
    const second = await cache.use(wish, ears, NEVER)
    expect(second.ref).toBe(first.ref)
    expect(second.start).toMatchObject({
      cache: 'hit',
      reason: expect.stringMatching(/^made \d+ s ago from aaaaaaaaaa$/),
    })
    expect(ears.notices).toEqual([`Set-up: cache hit, ${second.start.reason}`])
    const [made, ...others] = fake.sandboxes.made
    expect(others).toEqual([])
    expect(made?.spec.owner).toEqual({ installation: HOST, build: expect.stringMatching(/.+/) })
    expect(made?.calls.join(' ')).toContain(`killAll commit ${first.ref} destroy`)
    fake.sandboxes.assertClean()
  })

  test.each<[string, (id: string, db: Parameters<typeof resetCache>[0]) => Promise<unknown>, RegExp]>([
    [
      'script',
      (id, db) => db.update(environments).set({ setupScript: 'yarn' }).where(eq(environments.id, id)),
      /^the set-up script has changed$/,
    ],
    [
      'versions',
      (id, db) =>
        db
          .update(environments)
          .set({ versions: { node: '22' } })
          .where(eq(environments.id, id)),
      /^the language versions have changed$/,
    ],
    ['reset', (id, db) => resetCache(db, id, { ...SERVER, name: 'Ada' }), /^reset by Ada at \d{4}-/],
    [
      'age',
      (_, db) =>
        db.update(snapshots).set({
          expiresAt: sql`created_at + interval '12 hours' - interval '1 day'`,
          createdAt: sql`created_at - interval '1 day'`,
        }),
      /^older than 12 h$/,
    ],
  ])('misses after a change of %s and says so', async (_, change, reason) => {
    await using database = await testDatabase()
    const { cache } = cacheOf(database, fakeEngine())
    const wish = await seedWish(database)
    await cache.use(wish, listener(), NEVER)
    await change(wish.environment.id, database.db)
    const { start } = await cache.use(await wishFor(database, wish.environment.id), listener(), NEVER)
    expect(start).toMatchObject({ cache: 'miss', reason: expect.stringMatching(reason) })
  })

  test('misses when the image is gone from the engine', async () => {
    await using database = await testDatabase()
    const fake = fakeEngine()
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    await cache.use(wish, listener(), NEVER)
    fake.images.clear()
    const { start, ref } = await cache.use(wish, listener(), NEVER)
    expect(start).toMatchObject({ cache: 'miss', reason: 'the image is gone from this engine' })
    expect([...fake.images]).toEqual([ref])
  })

  test('opens the network of set-up for the script alone, under its policy', async () => {
    await using database = await testDatabase()
    const { cache, networks } = cacheOf(database, fakeEngine())
    await cache.use(await seedWish(database, { policy: { setup: { preset: 'common' } } }), listener(), NEVER)
    expect(networks.made).toMatchObject([
      { closed: true, grants: [{ phase: 'setup', policy: { policy: { preset: 'common' } } }] },
    ])
  })

  test('hands secrets to the script and keeps no snapshot that holds one', async () => {
    await using database = await testDatabase()
    const seen: unknown[] = []
    const fake = fakeEngine({
      exec: ({ spec }) => {
        if (isSetup(spec.command)) seen.push(spec.env?.['TOKEN'])
        return { code: 0 }
      },
    })
    const keyring = parseKeyring([randomBytes(32).toString('base64')])
    const { cache } = cacheOf(database, fake, { keyring })
    const wish = await seedWish(database)
    const secret = { environmentId: wish.environment.id, name: 'TOKEN', value: 'hunter2-hunter2' }
    await setSecret(database.db, keyring, { by: SERVER, ...secret, kind: 'setup', host: null, header: null })
    await cache.use(wish, listener(), NEVER)
    expect(seen).toEqual(['hunter2-hunter2'])
    expect(fake.sandboxes.made[0]?.calls).toContain('files')
  })
})

describe('one build at a time', () => {
  test('those who want the same in one process share a build and hear all of it', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    const [first, second] = [listener(), listener()]
    const one = cache.use(wish, first, NEVER)
    await at.reached
    const two = cache.use(wish, second, NEVER)
    await second.next('set-up runs')
    at.open()
    expect((await one).ref).toBe((await two).ref)
    expect(fake.sandboxes.made).toHaveLength(1)
    expect([first.heard(), second.heard()]).toEqual(['set-up runs\n', 'set-up runs\n'])
  })

  test('of two runners one builds, and the other waits, says so, and starts from its snapshot', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const [a, b] = [cacheOf(database, fake), cacheOf(database, fake)]
    const wish = await seedWish(database, { name: 'shop' })
    const ears = listener()
    const one = a.cache.use(wish, listener(), NEVER)
    await at.reached
    const two = b.cache.use(wish, ears, NEVER)
    await ears.next('waits for the build of shop that began')
    at.open()
    expect((await one).ref).toBe((await two).ref)
    expect(fake.sandboxes.made).toHaveLength(1)
  })

  test('all who wait get what the build failed for, and nobody builds again', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at, 3)
    const [a, b] = [cacheOf(database, fake), cacheOf(database, fake)]
    const wish = await seedWish(database)
    const [same, ears] = [listener(), listener()]
    const all = [a.cache.use(wish, listener(), NEVER)]
    await at.reached
    all.push(a.cache.use(wish, same, NEVER), b.cache.use(wish, ears, NEVER))
    await Promise.all([same.next('cache miss'), ears.next('waits for the build')])
    at.open()
    const ends = await Promise.allSettled(all)
    for (const end of ends)
      expect(end).toMatchObject({ reason: { reason: 'setup-failed', message: expect.stringContaining('exit code 3') } })
    expect(ends.every((end) => end.status === 'rejected' && end.reason instanceof AttemptFailure)).toBe(true)
    expect(fake.sandboxes.made).toHaveLength(1)
    expect(fake.images.size).toBe(0)
    const { lastBuild, building } = await readCache(database.db, wish.environment.id)
    expect(lastBuild).toMatchObject({
      state: 'failed',
      reason: 'setup-failed',
      cause: 'first build',
      output: 'set-up runs\n',
    })
    expect(building).toBeUndefined()
  })

  test('a builder who is cancelled leaves the build to those who share it', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    const cancel = new AbortController()
    const ears = listener()
    const one = cache.use(wish, listener(), cancel.signal)
    await at.reached
    const two = cache.use(wish, ears, NEVER)
    await ears.next('set-up runs')
    cancel.abort(new Error('cancelled'))
    await expect(one).rejects.toThrow('cancelled')
    at.open()
    expect((await two).start.cache).toBe('miss')
    expect(fake.sandboxes.made).toHaveLength(1)
  })

  test('a builder who is cancelled alone ends the build with its sandbox, and another runner takes over', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const [a, b] = [cacheOf(database, fake), cacheOf(database, fake)]
    const wish = await seedWish(database)
    const cancel = new AbortController()
    const ears = listener()
    const one = a.cache.use(wish, listener(), cancel.signal)
    await at.reached
    const two = b.cache.use(wish, ears, NEVER)
    await ears.next('waits for the build')
    cancel.abort(new Error('cancelled'))
    await expect(one).rejects.toThrow('cancelled')
    expect(fake.sandboxes.made[0]?.isDestroyed).toBe(true)
    at.open()
    expect((await two).start.cache).toBe('miss')
    expect(fake.sandboxes.made).toHaveLength(2)
  })

  test('a builder who dies loses its lease, and who waits builds', async () => {
    await using database = await testDatabase()
    const { cache } = cacheOf(database, fakeEngine())
    const wish = await seedWish(database)
    const { key } = await cache.keyOf(wish, wish.image)
    const place = { hostId: HOST, environmentId: wish.environment.id, key }
    const lapse = sql`clock_timestamp() + interval '1.5 seconds'`
    await database.db.insert(snapshotBuilds).values({ ...place, build: 'dead', holder: 'host/dead', leaseUntil: lapse })
    const ears = listener()
    expect((await cache.use(wish, ears, NEVER)).start.cache).toBe('miss')
    expect(ears.notices[1]).toContain('waits for the build')
    expect(await readBuild(database.db, place)).toMatchObject({ state: 'succeeded', claim: 2 })
  })

  test('what an earlier process of the host was building is given up at once', async () => {
    await using database = await testDatabase()
    const { cache } = cacheOf(database, fakeEngine())
    const wish = await seedWish(database)
    const { key } = await cache.keyOf(wish, wish.image)
    const place = { hostId: HOST, environmentId: wish.environment.id, key }
    const leaseUntil = sql`clock_timestamp() + interval '1 hour'`
    await database.db.insert(snapshotBuilds).values({ ...place, build: 'dead', holder: 'host/dead', leaseUntil })
    await releaseBuilds(database.db, HOST)
    expect((await cache.use(wish, listener(), NEVER)).start.cache).toBe('miss')
  })

  test('a build whose lease was given away keeps no image and no row', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    const cancel = new AbortController()
    const one = cache.use(wish, listener(), cancel.signal)
    await at.reached
    await database.db
      .update(snapshotBuilds)
      .set({ build: 'another', leaseUntil: sql`clock_timestamp() + interval '1 hour'` })
    const ended = one.catch((error: unknown) => error)
    at.open()
    // It finds that another builds, and waits for that one.
    while (fake.sandboxes.made[0]?.isDestroyed !== true) await new Promise((resolve) => setImmediate(resolve))
    cancel.abort(new Error('cancelled'))
    expect(await ended).toMatchObject({ message: 'cancelled' })
    expect(fake.images.size).toBe(0)
    expect(await database.db.select().from(snapshots)).toEqual([])
  })

  test('close() stops a build, leaves nothing of it, and gives it up', async () => {
    await using database = await testDatabase()
    const at = gate()
    const fake = gatedEngine(at)
    const { cache } = cacheOf(database, fake)
    const wish = await seedWish(database)
    const one = cache.use(wish, listener(), NEVER)
    const ended = one.catch((error: unknown) => error)
    await at.reached
    await cache.builder.close()
    expect(await ended).toMatchObject({ because: { kind: 'shutdown' } })
    fake.sandboxes.assertClean()
    expect((await readCache(database.db, wish.environment.id)).lastBuild).toMatchObject({
      state: 'abandoned',
      message: 'Its runner stopped',
    })
  })
})
