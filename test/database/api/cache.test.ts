import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CacheJson } from '../../../api/schemas/cache.ts'
import { readOrders } from '../../../domain/environments/cache.ts'
import { readEnvironment } from '../../../domain/environments/environments.ts'
import { attempts } from '../../../domain/schema.ts'
import { snapshotBuilds, snapshots } from '../../../domain/schema/snapshots.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const AT = new Date('2026-01-01T00:00:00Z')
const LATER = new Date('2026-01-01T12:00:00Z')

test('GET /environments/:id/cache shows snapshots that are there, whether they are in use, and the builds', async () => {
  const { db } = api.database
  const { call, userId } = await api.person('member')
  const environmentId = await seedEnvironment(db, { name: 'shop' })
  const row = { hostId: 'h', environmentId, fromCommit: 'a'.repeat(40), sizeBytes: 5, createdAt: AT, expiresAt: LATER }
  await db.insert(snapshots).values([
    { ...row, id: 's1', key: 'k1', image: 'i1', lastUsedAt: AT },
    { ...row, id: 's2', key: 'k2', image: 'i2', lastUsedAt: AT, removedAt: LATER, removedBecause: 'it was too old' },
  ])
  await db.insert(snapshotBuilds).values([
    {
      ...row,
      key: 'k3',
      build: 'b3',
      holder: 'h/1',
      leaseUntil: new Date(Date.now() + 60_000),
      startedAt: LATER,
      cause: 'first build',
    },
    {
      ...row,
      key: 'k1',
      build: 'b1',
      holder: 'h/1',
      leaseUntil: AT,
      startedAt: AT,
      state: 'failed',
      reason: 'setup-failed',
      message: 'no',
      output: 'out',
      finishedAt: new Date(AT.getTime() + 1500),
    },
  ])
  const { json, status } = await call<CacheJson>('GET', '/environments/shop/cache')
  expect(status).toBe(200)
  const snapshot = {
    host: 'h',
    key: 'k1',
    createdAt: AT.toISOString(),
    expiresAt: LATER.toISOString(),
    sizeBytes: 5,
    inUse: false,
  }
  expect(json.snapshots).toMatchObject([snapshot])
  expect(json.building).toMatchObject({ key: 'k3', state: 'running', cause: 'first build', ms: null })
  expect(json.lastBuild).toMatchObject({
    key: 'k1',
    state: 'failed',
    reason: 'setup-failed',
    message: 'no',
    ms: 1500,
    output: 'out',
  })

  await seedTask(db, { userId, environmentId })
  await db
    .update(attempts)
    .set({ state: 'running', start: { cache: 'hit', reason: '', sandbox: 'cold', snapshot: 'i1' } })
  expect((await call<CacheJson>('GET', '/environments/shop/cache')).json.snapshots).toMatchObject([{ inUse: true }])
})

test('POST reset-cache and refresh note who asked, and need the right to', async () => {
  const { db } = api.database
  const environmentId = await seedEnvironment(db, { name: 'site' })
  const [admin, member] = [await api.person(), await api.person('member')]
  for (const path of ['reset-cache', 'refresh']) {
    expect((await member.call('POST', `/environments/site/${path}`)).status).toBe(403)
    expect((await admin.call('POST', `/environments/none/${path}`)).status).toBe(404)
  }
  expect(await readOrders(db, environmentId)).toBeUndefined()
  expect((await admin.call('POST', '/environments/site/reset-cache')).status).toBe(200)
  expect((await admin.call('POST', '/environments/site/refresh')).status).toBe(202)
  expect(await readOrders(db, environmentId)).toMatchObject({ resetBy: 'Ada', refreshBy: 'Ada' })
  expect(await readEnvironment(db, environmentId)).toMatchObject({ cacheEpoch: 1 })
  expect((await admin.call('GET', '/environments/site')).json).not.toHaveProperty('cacheEpoch')
})
