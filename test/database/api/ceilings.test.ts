import { SERVER } from '../../../domain/audit/actions.ts'
import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cachesToKeep, refreshCache } from '../../../domain/environments/cache.ts'
import { attempts } from '../../../domain/schema.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { loadJob } from '../../../domain/tasks/job.ts'
import { failOverdue } from '../../../domain/tasks/overdue.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

let api: TestApi
let call: Call
beforeAll(async () => {
  api = await testApi()
  call = (await api.person()).call
  const ceilings = { resourceCeiling: { memoryMiB: 1024 }, limitCeiling: { agentMs: 60_000, queueMs: 3_600_000 } }
  expect(await call('PATCH', '/settings', ceilings)).toMatchObject({ status: 200, json: ceilings })
})
afterAll(() => api[Symbol.asyncDispose]())

const db = () => api.database.db
const environment = (name: string, more: object) => ({ name, repository: 'https://git.example.com/a.git', ...more })

test('an environment over a ceiling is saved neither as a new one nor by a change', async () => {
  const over = { resources: { memoryMiB: 2048 }, limits: { agentMs: 61_000 } }
  const refused = await call('POST', '/environments', environment('over', over))
  expect([refused.status, refused.json.code]).toEqual([422, 'over-ceiling'])
  expect(refused.json.detail).toMatch(/resources\.memoryMiB is 2048.* 1024.*limits\.agentMs is 61000.* 60000/)
  const under = { resources: { memoryMiB: 1024, cpus: 64 }, limits: { agentMs: 60_000, setupMs: 80_000 } }
  expect(await call('POST', '/environments', environment('under', under))).toMatchObject({ status: 201, json: under })
  expect(await call('PATCH', '/environments/under', over)).toMatchObject({
    status: 422,
    json: { code: 'over-ceiling' },
  })
  expect(await call('GET', '/environments/under')).toMatchObject({ json: under })
})

test.each([
  ['a name that there is not', { resourceCeiling: { memory: 1 } }],
  ['no memory at all', { resourceCeiling: { memoryMiB: 0 } }],
  ['a time that is none', { limitCeiling: { agentMs: '1h' } }],
])('PATCH /settings refuses a ceiling of %s', async (_, change) => {
  expect((await call('PATCH', '/settings', change)).status).toBe(422)
})

test('a ceiling that comes later counts for what runs: in a task, in the background, in the queue', async () => {
  const userId = await seedUser(db())
  const limits = { agentMs: 120_000, setupMs: 5000, queueMs: 86_400_000 }
  const environmentId = await seedEnvironment(db(), { resources: { memoryMiB: 8192 }, limits, setupScript: 'make' })
  const { attemptIds } = await seedTask(db(), { userId, environmentId })
  const id = attemptIds[0] ?? ''
  const held = {
    resources: { memoryMiB: 1024, cpus: 2 },
    limits: { agentMs: 60_000, setupMs: 5000, totalMs: 5_400_000 },
  }
  expect((await loadJob(db(), id)).environment).toMatchObject(held)

  await refreshCache(db(), environmentId, SERVER)
  const [kept] = await cachesToKeep(db(), 'host')
  expect(kept?.environment).toMatchObject({ id: environmentId, ...held })

  const wait = (hours: number) =>
    db()
      .update(attempts)
      .set({ queuedAt: sql`clock_timestamp() - make_interval(hours => ${hours})` })
      .where(eq(attempts.id, id))
  await wait(2)
  expect(await failOverdue(db())).toEqual([id])
})

test('without ceilings an environment has what it asks for', async () => {
  const userId = await seedUser(db())
  await updateSettings(db(), { resourceCeiling: {}, limitCeiling: {} }, SERVER)
  const environmentId = await seedEnvironment(db(), { resources: { memoryMiB: 8192 } })
  const { attemptIds } = await seedTask(db(), { userId, environmentId })
  expect((await loadJob(db(), attemptIds[0] ?? '')).environment.resources).toMatchObject({ memoryMiB: 8192 })
})
