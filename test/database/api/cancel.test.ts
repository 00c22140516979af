import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskJson } from '../../../api/schemas/task.ts'
import { attempts, events } from '../../../domain/schema.ts'
import { fail } from '../../../domain/tasks/fenced.ts'
import type { AttemptStateName } from '../../../domain/tasks/attempt.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
let environmentId: string
beforeAll(async () => {
  api = await testApi()
  environmentId = await seedEnvironment(api.database.db)
})
afterAll(() => api[Symbol.asyncDispose]())

const db = () => api.database.db

async function taskIn(userId: string, ...states: AttemptStateName[]) {
  const seeded = await seedTask(db(), { userId, environmentId, attempts: states.length })
  for (const [i, state] of states.entries()) {
    await db()
      .update(attempts)
      .set({ state, claim: 1, runnerId: 'r', finishedAt: state === 'succeeded' ? sql`now()` : null })
      .where(eq(attempts.id, seeded.attemptIds[i] ?? ''))
  }
  return seeded
}

test.each(['queued', 'preparing', 'running', 'collecting'] as const)(
  'POST /tasks/:id/cancel ends an attempt that is %s, says so in its log and tells the runner',
  async (state) => {
    const { call, userId } = await api.person()
    const { taskId, attemptIds } = await taskIn(userId, state)
    const told = new Promise<string>((resolve) => {
      void api.database.client
        .listen('drydock_cancel', (id) => id === attemptIds[0] && resolve(id))
        .then(() => call<TaskJson>('POST', `/tasks/${taskId}/cancel`))
    })
    await told
    const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
    expect([json.state, json.turns[0]?.attempts[0]?.state]).toEqual(['cancelled', 'cancelled'])
    expect(json.turns[0]?.attempts[0]?.finishedAt).not.toBeNull()
    const log = await db().select().from(events).where(eq(events.taskId, taskId))
    expect(log.map(({ kind, payload }) => [kind, payload.state])).toEqual([['state', 'cancelled']])
  },
)

test('POST /tasks/:id/cancel leaves attempts that ended and makes the task what they are', async () => {
  const { call, userId } = await api.person()
  const { taskId } = await taskIn(userId, 'succeeded', 'running', 'queued')
  const { status, json } = await call<TaskJson>('POST', `/tasks/${taskId}/cancel`)
  expect(status).toBe(200)
  expect(json.state).toBe('succeeded')
  expect(json.turns[0]?.attempts.map(({ state }) => state)).toEqual(['succeeded', 'cancelled', 'cancelled'])
})

test('POST /tasks/:id/cancel again changes nothing', async () => {
  const { call, userId } = await api.person()
  const { taskId } = await taskIn(userId, 'running')
  const first = await call('POST', `/tasks/${taskId}/cancel`)
  const second = await call('POST', `/tasks/${taskId}/cancel`)
  expect([first.status, second.status]).toEqual([200, 200])
  expect(second.json).toEqual(first.json)
  expect(await db().$count(events, eq(events.taskId, taskId))).toBe(1)
})

test.each(['succeeded', 'failed'] as const)('POST /tasks/:id/cancel is 409 for a task that has %s', async (state) => {
  const { call, userId } = await api.person()
  const { taskId } = await taskIn(userId, state)
  const { status, json } = await call('POST', `/tasks/${taskId}/cancel`)
  expect([status, json.code]).toEqual([409, 'task-already-finished'])
})

test('POST /tasks/:id/cancel in a race with a runner that ends the attempts: one of them wins each', async () => {
  const { call, userId } = await api.person()
  for (let round = 0; round < 15; round++) {
    const { taskId, attemptIds } = await taskIn(userId, 'running', 'running')
    const end = (attemptId: string) =>
      fail(db(), { attemptId, claim: 1 }, { phase: 'agent', reason: 'agent-exited', message: 'it did' }).then(
        () => true,
        () => false,
      )
    const [first = '', second = ''] = attemptIds
    const [endedFirst, cancelled, endedSecond, again] = await Promise.all([
      end(first),
      call('POST', `/tasks/${taskId}/cancel`),
      end(second),
      call('POST', `/tasks/${taskId}/cancel`),
    ])
    const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
    const states = json.turns[0]?.attempts.map(({ state }) => state)
    expect(states).toEqual([endedFirst, endedSecond].map((ended) => (ended ? 'failed' : 'cancelled')))
    expect(json.state).toBe(states?.includes('failed') === true ? 'failed' : 'cancelled')
    expect([200, 409]).toContain(cancelled.status)
    expect([200, 409]).toContain(again.status)
    const log = await db().select().from(events).where(eq(events.taskId, taskId)).orderBy(events.seq)
    expect(log.map(({ seq }) => seq)).toEqual([1, 2])
  }
  expect(api.errors).toEqual([])
})
