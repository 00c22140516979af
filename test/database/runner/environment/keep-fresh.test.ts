import { SERVER } from '../../../../domain/audit/actions.ts'
import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { readCache, refreshCache } from '../../../../domain/environments/cache.ts'
import { environments } from '../../../../domain/schema.ts'
import { snapshots } from '../../../../domain/schema/snapshots.ts'
import { freshKeeper } from '../../../../runner/environment/keep-fresh.ts'
import { HOST, cacheOf, fakeEngine, gate, listener, seedWish } from '../../../support/builds.ts'
import { testDatabase } from '../../../support/database.ts'
import { seedTask, seedUser } from '../../../support/seed.ts'

const NEVER = new AbortController().signal
const isSetup = (command: readonly string[]) => command.includes('/drydock/setup.sh')

/** An environment that was used a moment ago, and who keeps it fresh. Set-up stands before a gate from then on. */
async function world() {
  const database = await testDatabase()
  const at = gate()
  let isGated = false
  const fake = fakeEngine({
    exec: async ({ spec, signal }) => {
      if (!isGated || !isSetup(spec.command)) return { code: 0 }
      at.reach()
      await Promise.race([at.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))])
      return { code: 0 }
    },
  })
  const { cache } = cacheOf(database, fake)
  const wish = await seedWish(database)
  const { release } = await cache.use(wish, listener(), NEVER)
  release()
  isGated = true
  let hasRoom = true
  const { id } = wish.environment
  const keeper = freshKeeper({
    ...{ db: database.db, hostId: HOST, logger: pino({ level: 'silent' }), cache, hasRoom: () => hasRoom },
    resolveImage: async () => wish.image,
  })
  return {
    ...{ database, db: database.db, at, cache, wish, id, fake },
    look: () => keeper.look(NEVER),
    fill: () => (hasRoom = false),
    builds: () => fake.sandboxes.made.length - 1,
    /** Lets what is being built come to its end. */
    finished: async () => {
      at.open()
      while ((await readCache(database.db, id)).building) await new Promise((resolve) => setImmediate(resolve))
      return (await readCache(database.db, id)).lastBuild
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

test('look() builds nothing while all is fresh', async () => {
  await using it = await world()
  await it.look()
  expect(it.builds()).toBe(0)
})

test('look() builds after a change, with nobody waiting, and says why; the next start hits', async () => {
  await using it = await world()
  await it.db.update(environments).set({ setupScript: 'yarn' })
  await it.look()
  await it.at.reached
  expect(await it.finished()).toMatchObject({ state: 'succeeded', cause: 'the set-up script has changed' })
  const environment = { ...it.wish.environment, setupScript: 'yarn' }
  expect((await it.cache.use({ ...it.wish, environment }, listener(), NEVER)).start.cache).toBe('hit')
})

test.each([
  ['an hour before it is too old', `interval '59 minutes'`, 1],
  ['not before', `interval '61 minutes'`, 0],
])('look() builds anew %s', async (_, left, builds) => {
  await using it = await world()
  await it.db.update(snapshots).set({ expiresAt: sql`now() + ${sql.raw(left)}` })
  await it.look()
  if (builds > 0) expect(await it.finished()).toMatchObject({ cause: 'soon too old' })
  expect(it.builds()).toBe(builds)
})

test('look() lets an environment be that nobody used for a day; a build in the background is no use', async () => {
  await using it = await world()
  await it.db.update(snapshots).set({ lastUsedAt: sql`now() - interval '23 hours 59 minutes'`, expiresAt: sql`now()` })
  await it.look()
  await it.finished()
  expect(it.builds()).toBe(1)
  const [snapshot] = await it.db.select().from(snapshots)
  expect(Date.now() - (snapshot?.lastUsedAt.getTime() ?? 0)).toBeGreaterThan(23 * 3_600_000)
  await it.db.update(snapshots).set({ lastUsedAt: sql`now() - interval '25 hours'`, expiresAt: sql`now()` })
  await it.look()
  expect(it.builds()).toBe(1)
})

test('look() builds once what somebody asks to refresh, also when it is valid', async () => {
  await using it = await world()
  await refreshCache(it.db, it.id, { ...SERVER, name: 'Ada' })
  await it.look()
  expect(await it.finished()).toMatchObject({ state: 'succeeded', cause: 'refresh asked for by Ada' })
  await it.look()
  expect(it.builds()).toBe(1)
})

test('look() begins nothing while tasks wait or the runner is full', async () => {
  await using it = await world()
  await refreshCache(it.db, it.id, { ...SERVER, name: 'Ada' })
  const { taskId } = await seedTask(it.db, { userId: await seedUser(it.db), environmentId: it.id })
  await it.look()
  expect(it.builds()).toBe(0)
  await it.db.execute(sql`update attempts set state = 'cancelled' where task_id = ${taskId}`)
  it.fill()
  await it.look()
  expect(it.builds()).toBe(0)
})

test('look() stops a build when tasks wait for a runner that is full, unless one of them waits for the build', async () => {
  await using it = await world()
  await it.db.update(environments).set({ setupScript: 'yarn' }).where(eq(environments.id, it.id))
  await it.look()
  await it.at.reached
  await seedTask(it.db, { userId: await seedUser(it.db), environmentId: it.id })
  it.fill()
  const leave = new AbortController()
  const wish = { ...it.wish, environment: { ...it.wish.environment, setupScript: 'yarn' } }
  const ears = listener()
  const joined = it.cache.use(wish, ears, leave.signal).catch((error: unknown) => error)
  await ears.next('cache miss')
  while (it.builds() !== 1) await new Promise((resolve) => setImmediate(resolve))
  leave.abort(new Error('cancelled'))
  await joined
  expect((await readCache(it.db, it.id)).building).toBeDefined()
  await it.look()
  expect(await it.finished()).toMatchObject({ state: 'abandoned', message: 'It gave way to tasks' })
})

test('look() leaves alone what failed until somebody asks', async () => {
  await using it = await world()
  await it.db.execute(sql`update snapshot_builds set state = 'failed'`)
  await it.db.update(snapshots).set({ expiresAt: sql`now()` })
  await it.look()
  expect(it.builds()).toBe(0)
  await refreshCache(it.db, it.id, { ...SERVER, name: 'Ada' })
  await it.look()
  await it.finished()
  expect(it.builds()).toBe(1)
})
