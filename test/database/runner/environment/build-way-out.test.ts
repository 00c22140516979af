import { SERVER } from '../../../../domain/audit/actions.ts'
import { expect, test } from 'vitest'
import { readCache, resetCache } from '../../../../domain/environments/cache.ts'
import type { PhaseLimits } from '../../../../domain/environments/limits.ts'
import { DrydockError } from '../../../../domain/errors.ts'
import { untilAborted } from '../../../../runner/sandbox/aborted.ts'
import { cacheOf, fakeEngine, seedWish } from '../../../support/builds.ts'
import { testDatabase } from '../../../support/database.ts'
import { deferred } from '../../../../runner/deferred.ts'

// A build that nobody waits for and that stands still in its script. That its runner is lost is shown by the tests of the
// cache: its lease lapses, and the next one that wants the snapshot builds.

async function standing(limits: Partial<PhaseLimits> = {}) {
  const database = await testDatabase()
  const reached = deferred()
  const engine = deferred<never>()
  const gone = new Promise<never>((_, reject) => {
    const error = new DrydockError('engine-unavailable', 'Cannot run it: the engine does not answer.')
    void engine.promise.then(() => reject(error))
  })
  let times = 0
  const fake = fakeEngine({
    exec: async ({ spec, signal }) => {
      if (!spec.command.includes('/drydock/setup.sh') || times++ > 0) return { code: 0 }
      reached.resolve()
      return untilAborted(gone, signal)
    },
  })
  const { cache } = cacheOf(database, fake, { leaseMs: 600 })
  const wish = await seedWish(database, { limits })
  const order = async () => ({
    ...wish,
    ...(await cache.keyOf(wish, wish.image)),
    attempt: undefined,
    cause: 'asked for',
  })
  const begun = await cache.builder.background(await order())
  await reached.promise
  return {
    ...{ db: database.db, environmentId: wish.environment.id, sandboxes: fake.sandboxes },
    done: begun?.done,
    loseEngine: () => engine.resolve(undefined as never),
    lastBuild: async () => (await readCache(database.db, wish.environment.id)).lastBuild,
    again: async () => (await cache.builder.background(await order()))?.done,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

test('resetting the cache ends a build that stands still', async () => {
  await using it = await standing()
  await resetCache(it.db, it.environmentId, { ...SERVER, name: 'Ada' })
  await expect(it.done).rejects.toThrow('could not hold it')
  it.sandboxes.assertClean()
  expect(await it.lastBuild()).toMatchObject({ state: 'abandoned', message: 'The cache was reset' })
})

test.each([
  ['timed-out:setup', { setupMs: 300 }],
  ['no-output:setup', { noOutputMs: 300 }],
] as const)('its limit ends a build that stands still: %s', async (reason, limits) => {
  await using it = await standing(limits)
  await expect(it.done).rejects.toMatchObject({ reason })
  it.sandboxes.assertClean()
  expect(await it.lastBuild()).toMatchObject({ state: 'failed', reason })
})

test('the loss of the engine ends a build that stands still, and the next one is made', async () => {
  await using it = await standing()
  it.loseEngine()
  await expect(it.done).rejects.toMatchObject({ code: 'engine-unavailable' })
  it.sandboxes.assertClean()
  expect(await it.lastBuild()).toMatchObject({ state: 'abandoned' })
  expect(await it.again()).toMatchObject({ sizeBytes: 7 })
})
