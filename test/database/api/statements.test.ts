import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TaskJson } from '../../../api/schemas/task.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { PNG } from '../../support/png.ts'
import { seedEnvironment } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

/** The first words of what goes to the database during some work; of a transaction, its beginning. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  using sent = vi.spyOn(api.database.client, 'unsafe')
  await work()
  return sent.mock.calls.map(([query]) => query.trim().split(/\s+/, 2).join(' '))
}

/** A person whose token's use was noted just now, and an environment that they may use. */
async function ready() {
  const { call } = await api.person('member')
  const environment = await seedEnvironment(api.database.db)
  await call('GET', '/me')
  return { call, task: { environment, mode: 'code', prompt: 'x' } }
}

test('GET /tasks/:id asks the database once: who asks, and for the task', async () => {
  const { call, task } = await ready()
  const { json } = await call<TaskJson>('POST', '/tasks', { ...task, attempts: 4 })
  let status = 0
  const sent = await statementsOf(async () => {
    status = (await call('GET', `/tasks/${json.id}`)).status
  })
  expect([status, sent.length]).toEqual([200, 1])
})

test('POST /tasks writes everything by one statement, beside who asks, environment, settings, the answer and a word to the runners', async () => {
  const { call, task } = await ready()
  let status = 0
  const sent = await statementsOf(async () => {
    status = (await call('POST', '/tasks', { ...task, attempts: 4 })).status
  })
  expect(status).toBe(201)
  expect(sent.toSorted()).toEqual([...Array<unknown>(5).fill(expect.stringMatching(/^select /)), 'with environment'])
})

test('POST /tasks with pictures writes them in the transaction of the task', async () => {
  const { call, task } = await ready()
  const sent = await statementsOf(() => call('POST', '/tasks', { ...task, images: [{ data: PNG.toString('base64') }] }))
  expect(sent).toContain('begin')
})
