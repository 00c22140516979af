import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskJson } from '../../../api/schemas/task.ts'
import { attempts, turns } from '../../../domain/schema.ts'
import { readTurnImages } from '../../../domain/tasks/turns.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { PNG } from '../../support/png.ts'
import { seedEnvironment } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const image = { data: PNG.toString('base64') }

async function withTask(body: Record<string, unknown> = {}) {
  const person = await api.person('member')
  const environment = await seedEnvironment(api.database.db)
  const { json } = await person.call<TaskJson>('POST', '/tasks', { environment, mode: 'code', prompt: 'x', ...body })
  const end = () =>
    api.database.db.update(attempts).set({ state: 'succeeded', tree: 't' }).where(eq(attempts.taskId, json.id))
  return { ...person, environment, task: json, end, path: `/tasks/${json.id}/turns` }
}

test('POST /tasks/:id/turns answers 201 with the task, going on', async () => {
  const { call, end, path, task } = await withTask()
  await end()
  const { status, json } = await call<TaskJson>('POST', path, { prompt: 'And a test', images: [image] })
  expect(status).toBe(201)
  expect(json).toMatchObject({
    id: task.id,
    state: 'queued',
    turns: [{ images: 0 }, { prompt: 'And a test', images: 1 }],
  })
  expect(json.turns[1]?.attempts).toMatchObject([{ n: 1, state: 'queued' }])
})

test('POST /tasks/:id/turns answers 409 while the task is open', async () => {
  const { call, path } = await withTask()
  const { status, json } = await call('POST', path, { prompt: 'x' })
  expect([status, json.code]).toEqual([409, 'task-not-finished'])
})

test('POST /tasks/:id/turns is nothing for other members, nor for a token that only reads', async () => {
  const { end, path, userId, task } = await withTask()
  await end()
  const other = await api.person('member')
  expect((await other.call('POST', path, { prompt: 'x' })).json.code).toBe('task-not-found')
  const reader = await api.person('member', ['read'])
  expect((await reader.call('POST', path, { prompt: 'x' })).status).toBe(403)
  expect(await api.database.db.$count(turns, eq(turns.taskId, task.id))).toBe(1)
  const admin = await api.person('admin')
  expect((await admin.call('POST', path, { prompt: 'x' })).status).toBe(201)
  const rows = await api.database.db.select().from(attempts).where(eq(attempts.taskId, task.id))
  expect(rows.map((row) => row.userId).sort()).toEqual([userId, admin.userId].sort())
})

test.each([
  ['an empty prompt', { prompt: ' ' }, 422],
  ['a NUL', { prompt: 'a\0' }, 422],
  ['no prompt', {}, 422],
  ['an agent', { prompt: 'x', agent: 'codex' }, 422],
  ['an attempt that is not there', { prompt: 'x', attempt: 4 }, 404],
  ['a prompt of 300 KiB', { prompt: 'x'.repeat(300 * 1024) }, 413],
  ['a picture that is none', { prompt: 'x', images: [{ data: Buffer.from('<svg/>').toString('base64') }] }, 422],
])('POST /tasks/:id/turns refuses %s', async (_, body, status) => {
  const { call, end, path } = await withTask()
  await end()
  expect((await call('POST', path, body)).status).toBe(status)
})

test('POST /tasks keeps pictures as they were sent, also four of 5 MiB', async () => {
  const large = Buffer.concat([PNG, Buffer.alloc(5 * 1024 * 1024 - PNG.length, 7)])
  const { task } = await withTask({ images: Array(4).fill({ data: large.toString('base64') }) })
  expect(task.turns[0]?.images).toBe(4)
  const kept = await readTurnImages(api.database.db, task.turns[0]?.id ?? '')
  expect(kept.map(({ mediaType, bytes }) => [mediaType, bytes.equals(large)])).toEqual(
    Array(4).fill(['image/png', true]),
  )
})

test('POST /tasks with the Idempotency-Key of a request with another picture is a mismatch', async () => {
  const { call, environment } = await withTask()
  const other = Buffer.concat([PNG, Buffer.of(0)]).toString('base64')
  const send = (images: unknown) =>
    call('POST', '/tasks', { environment, mode: 'code', prompt: 'x', images }, { 'idempotency-key': 'k' })
  expect((await send([image])).status).toBe(201)
  expect((await send([image])).status).toBe(200)
  expect((await send([{ data: other }])).json.code).toBe('idempotency-mismatch')
  expect((await send(undefined)).json.code).toBe('idempotency-mismatch')
})
