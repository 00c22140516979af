import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../domain/db.ts'
import { appendEvent } from '../../../domain/tasks/append-events.ts'
import { attempts } from '../../../domain/schema.ts'
import { readSse, testApi } from '../../support/api.ts'
import type { SseEvent, TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
let token: string
let userId: string
let environmentId: string
beforeAll(async () => {
  api = await testApi({ heartbeatMs: 300 })
  ;({ token, userId } = await api.person())
  environmentId = await seedEnvironment(api.database.db)
})
afterAll(() => api[Symbol.asyncDispose]())

const db = () => api.database.db
const newTask = (count = 1) => seedTask(db(), { userId, environmentId, attempts: count })
const say = (attemptId: string, text: string, extra: Record<string, unknown> = {}) =>
  appendEvent(db(), attemptId, { phase: 'agent', kind: 'output', at: new Date(), payload: { text, ...extra } })
const end = (taskId: string) => db().update(attempts).set({ state: 'succeeded' }).where(eq(attempts.taskId, taskId))

async function follow(taskId: string, query = '', headers: Record<string, string> = {}, from: TestApi = api) {
  const authorization = `Bearer ${token}`
  const path = `/api/v1/tasks/${taskId}/events${query}`
  const response = await from.app.request(path, { headers: { authorization, ...headers } })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  if (response.body === null) throw new Error('no body')
  return readSse(response.body)
}

/** Reads to the end of the stream. */
async function all(stream: AsyncGenerator<SseEvent, void>): Promise<SseEvent[]> {
  const got: SseEvent[] = []
  for await (const event of stream) if (event.id !== undefined || event.event !== undefined) got.push(event)
  return got
}

/** The next event with a number. */
async function next(stream: AsyncGenerator<SseEvent, void>): Promise<SseEvent> {
  for (;;) {
    const { value, done } = await stream.next()
    if (done === true) throw new Error('the stream ended')
    if (value.id !== undefined) return value
  }
}

const idsOf = (events: SseEvent[]) => events.flatMap(({ id }) => id ?? [])
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

test('GET /tasks/:id/events gives one JSON a line with its number, then ends', async () => {
  const { taskId, attemptIds } = await newTask()
  const text = 'a\nb\r\u2028\u001b[31m "ü🦭"'
  await say(attemptIds[0] ?? '', text)
  await end(taskId)
  const [event, last] = await all(await follow(taskId))
  expect(event?.id).toBe(1)
  expect(JSON.parse(event?.data ?? '')).toEqual({
    seq: 1,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
    attempt: attemptIds[0],
    phase: 'agent',
    kind: 'output',
    text,
  })
  expect(last).toEqual({ event: 'end', data: '{}' })
})

test('GET /tasks/:id/events does not let a payload pose as another event', async () => {
  const { taskId, attemptIds } = await newTask()
  await say(attemptIds[0] ?? '', 'x', { seq: 99, kind: 'state', attempt: 'other', at: 'never', phase: 'publish' })
  await end(taskId)
  const [event] = await all(await follow(taskId))
  expect(JSON.parse(event?.data ?? '')).toMatchObject({
    seq: 1,
    kind: 'output',
    attempt: attemptIds[0],
    phase: 'agent',
  })
})

test('GET /tasks/:id/events resumes after Last-Event-ID, or ?after; the header is the later word', async () => {
  const { taskId, attemptIds } = await newTask()
  for (let i = 0; i < 5; i++) await say(attemptIds[0] ?? '', String(i))
  await end(taskId)
  expect(idsOf(await all(await follow(taskId, '?after=2')))).toEqual([3, 4, 5])
  expect(idsOf(await all(await follow(taskId, '?after=1', { 'last-event-id': '4' })))).toEqual([5])
  expect(idsOf(await all(await follow(taskId, '?after=5')))).toEqual([])
  expect(idsOf(await all(await follow(taskId, '?after=9007199254740991')))).toEqual([])
})

test('GET /tasks/:id/events gives a live event at once, woken by the notification', async () => {
  await using slow = await testApi({ pollMs: 600_000 })
  const { db } = slow.database
  const person = await slow.person()
  const environment = await seedEnvironment(db)
  const { taskId, attemptIds } = await seedTask(db, { userId: person.userId, environmentId: environment })
  const stream = await slow.app.request(`/api/v1/tasks/${taskId}/events`, {
    headers: { authorization: `Bearer ${person.token}` },
  })
  if (stream.body === null) throw new Error('no body')
  const events = readSse(stream.body)
  await events.next()
  const waiting = next(events)
  await appendEvent(db, attemptIds[0] ?? '', { phase: 'agent', kind: 'output', at: new Date(), payload: {} })
  expect((await waiting).id).toBe(1)
  await events.return()
})

test('GET /tasks/:id/events finds what no notification told, by its poll', async () => {
  const { taskId, attemptIds } = await newTask()
  const events = await follow(taskId)
  await events.next()
  const waiting = next(events)
  await db().execute(sql`update task_event_heads set last_seq = 1 where task_id = ${taskId}`)
  await db().execute(sql`
    insert into events (task_id, seq, attempt_id, phase, kind, payload)
    values (${taskId}, 1, ${attemptIds[0]}, 'agent', 'output', '{}')`)
  expect((await waiting).id).toBe(1)
  await events.return()
})

test('GET /tasks/:id/events sends a comment into silence', async () => {
  const { taskId } = await newTask()
  const events = await follow(taskId)
  await events.next()
  expect(await events.next()).toEqual({ done: false, value: { comment: 'still here' } })
  await events.return()
})

test('GET /tasks/:id/events gives every follower each event once and in order, under writers at once and resumes', async () => {
  const { taskId, attemptIds } = await newTask(4)
  const perWriter = 150
  const total = perWriter * attemptIds.length
  const writing = attemptIds.map(async (id) => {
    for (let i = 0; i < perWriter; i++) await say(id, `${id} ${i}`)
  })
  // Half of the followers hang up after some events and come back with the last number, again and again.
  const steady = Array.from({ length: 4 }, async () => idsOf(await all(await follow(taskId))))
  const restless = Array.from({ length: 4 }, async (_, k) => {
    const got: number[] = []
    while (got.length < total) {
      const events = await follow(taskId, '', { 'last-event-id': String(got.at(-1) ?? 0) })
      for (let i = 0; i < 37 + k && got.length < total; i++) got.push((await next(events)).id ?? NaN)
      await events.return()
    }
    return got
  })
  await Promise.all(writing)
  await end(taskId)
  const received = await Promise.all([...steady, ...restless])
  for (const got of received) expect(got).toEqual(upTo(total))
  expect(api.hub.followers).toBe(0)
})

test('GET /tasks/:id/events reads a long log in pages and joins the live ones without a gap', async () => {
  const { taskId, attemptIds } = await newTask()
  await db().execute(sql`
    insert into events (task_id, seq, attempt_id, phase, kind, payload)
    select ${taskId}, n, ${attemptIds[0]}, 'agent', 'output', '{"text":"x"}' from generate_series(1, 6000) n`)
  await db().execute(sql`update task_event_heads set last_seq = 6000 where task_id = ${taskId}`)
  const reading = follow(taskId).then(all)
  for (let i = 0; i < 100; i++) await say(attemptIds[0] ?? '', String(i))
  await end(taskId)
  expect(idsOf(await reading)).toEqual(upTo(6100))
})

test('GET /tasks/:id/events reads ahead for nobody: a slow follower gets all of it later', async () => {
  const { taskId, attemptIds } = await newTask()
  const slow = await follow(taskId)
  await slow.next()
  const quick = follow(taskId).then(all)
  await db().execute(sql`
    insert into events (task_id, seq, attempt_id, phase, kind, payload)
    select ${taskId}, n, ${attemptIds[0]}, 'agent', 'output', '{"text":"x"}' from generate_series(1, 12000) n`)
  await db().execute(sql`update task_event_heads set last_seq = 12000 where task_id = ${taskId}`)
  await end(taskId)
  expect(idsOf(await quick)).toEqual(upTo(12_000))
  expect(idsOf(await all(slow))).toEqual(upTo(12_000))
})

test('GET /tasks/:id/events goes on while publishing is under way', async () => {
  const { taskId, attemptIds } = await newTask()
  await db().update(attempts).set({ state: 'succeeded', publishState: 'pending' }).where(eq(attempts.taskId, taskId))
  const events = await follow(taskId)
  await events.next()
  const waiting = next(events)
  await appendEvent(db(), attemptIds[0] ?? '', { phase: 'publish', kind: 'phase', at: new Date(), payload: {} })
  expect((await waiting).id).toBe(1)
  await db().update(attempts).set({ publishState: 'published' }).where(eq(attempts.taskId, taskId))
  expect(await all(events)).toEqual([{ event: 'end', data: '{}' }])
})

test('GET /tasks/:id/events forgets a follower that hung up, also one that waits', async () => {
  const { taskId } = await newTask()
  const authorization = `Bearer ${token}`
  const response = await api.app.request(`/api/v1/tasks/${taskId}/events`, { headers: { authorization } })
  const reader = response.body?.getReader()
  await reader?.read()
  const waiting = reader?.read()
  expect(api.hub.followers).toBe(1)
  await reader?.cancel()
  await waiting
  expect(api.hub.followers).toBe(0)
})

test('GET /tasks/:id/events survives that the database drops every connection', async () => {
  const { taskId, attemptIds } = await newTask()
  const events = await follow(taskId)
  await events.next()
  await say(attemptIds[0] ?? '', 'before')
  expect((await next(events)).id).toBe(1)
  await using other = openDatabase({ kind: 'url', url: api.database.url }, { max: 1 })
  await other.db.execute(sql`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
  await appendEvent(other.db, attemptIds[0] ?? '', { phase: 'agent', kind: 'output', at: new Date(), payload: {} })
  expect((await next(events)).id).toBe(2)
  await events.return()
})

test('EventHub closes every stream without end, so that clients come back', async () => {
  const closing = await testApi()
  const person = await closing.person()
  const environment = await seedEnvironment(closing.database.db)
  const { taskId } = await seedTask(closing.database.db, { userId: person.userId, environmentId: environment })
  const response = await closing.app.request(`/api/v1/tasks/${taskId}/events`, {
    headers: { authorization: `Bearer ${person.token}` },
  })
  if (response.body === null) throw new Error('no body')
  const events = readSse(response.body)
  await events.next()
  const rest = all(events)
  await closing[Symbol.asyncDispose]()
  expect(await rest).toEqual([])
})
