import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskJson, TaskPageJson } from '../../../api/schemas/task.ts'
import { attempts, environments, tasks, turns } from '../../../domain/schema.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const db = () => api.database.db
const request = (environment: string) => ({ environment, mode: 'code', prompt: 'Make it work\nplease' })

test('POST /tasks answers 201 with the whole task, queued', async () => {
  const { call, userId } = await api.person()
  const environment = await seedEnvironment(db(), { name: 'whole' })
  const body = { ...request('whole'), branch: 'main', attempts: 2 }
  const { status, json } = await call<TaskJson>('POST', '/tasks', body, { 'x-drydock-product': 'cli' })
  expect(status).toBe(201)
  const id: unknown = expect.stringMatching(/^[0-9a-z]{16}$/)
  const attempt = {
    id,
    state: 'queued',
    reason: null,
    message: null,
    phases: [],
    answer: null,
    diff: null,
    flagged: [],
    branch: null,
    commit: null,
    pullRequest: null,
    publish: { state: 'none', reason: null },
    usage: { inputTokens: 0, outputTokens: 0, seconds: 0 },
    agentVersion: null,
    network: null,
    start: null,
    startedAt: null,
    finishedAt: null,
  }
  expect(json).toEqual({
    id,
    title: 'Make it work',
    mode: 'code',
    environment,
    environmentName: 'whole',
    product: 'cli',
    creator: userId,
    creatorName: 'Ada',
    state: 'queued',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown,
    branch: 'main',
    agent: 'command',
    turns: [
      {
        id,
        prompt: 'Make it work\nplease',
        images: 0,
        attempts: [
          { ...attempt, n: 1 },
          { ...attempt, n: 2 },
        ],
      },
    ],
  })
  expect((await call('GET', `/tasks/${json.id}`)).json).toEqual(json)
})

test('POST /tasks wakes the runners when the task is there to be claimed', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db())
  const woken = new Promise<number>((resolve, reject) => {
    void api.database.client
      .listen('drydock_queue', () => {
        db().$count(attempts, eq(attempts.environmentId, environment)).then(resolve, reject)
      })
      .then(() => call('POST', '/tasks', request(environment)))
  })
  expect(await woken).toBe(1)
})

test('POST /tasks names environments that exist when it does not know the one asked for', async () => {
  const { call } = await api.person()
  await seedEnvironment(db(), { name: 'a-known-one' })
  const { status, json } = await call('POST', '/tasks', request('unknown'))
  expect([status, json.code]).toEqual([404, 'environment-not-found'])
  expect(json.detail).toContain('"a-known-one"')
})

test('POST /tasks refuses an agent that there is not, also when the environment names it', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db(), { agent: 'gpt' })
  expect((await call('POST', '/tasks', request(environment))).json.code).toBe('agent-unavailable')
  expect((await call('POST', '/tasks', { ...request(environment), agent: 'codex' })).status).toBe(201)
})

test('POST /tasks takes a prompt of 256 KiB and text of any script', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db())
  const prompt = `🦭 ${'é'.repeat(131_000)}`
  const { status, json } = await call<TaskJson>('POST', '/tasks', { ...request(environment), prompt })
  expect(status).toBe(201)
  expect(json.turns[0]?.prompt).toBe(prompt)
  expect(Array.from(json.title)).toHaveLength(80)
})

test('POST /tasks makes one task of parallel requests with one Idempotency-Key', async () => {
  const { call, userId } = await api.person()
  const environment = await seedEnvironment(db())
  const key = { 'idempotency-key': 'the same' }
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => call<TaskJson>('POST', '/tasks', request(environment), key)),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(11).fill(200), 201])
  expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1)
  expect(await db().$count(tasks, eq(tasks.creatorId, userId))).toBe(1)
  expect(await db().$count(attempts, eq(attempts.userId, userId))).toBe(1)
})

test('POST /tasks refuses an Idempotency-Key that was used for another request', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db())
  const key = { 'idempotency-key': 'k' }
  await call('POST', '/tasks', request(environment), key)
  const other = await call('POST', '/tasks', { ...request(environment), attempts: 2 }, key)
  expect([other.status, other.json.code]).toEqual([422, 'idempotency-mismatch'])
})

test('POST /tasks takes a starting diff, which is part of what an Idempotency-Key stands for', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db())
  const key = { 'idempotency-key': 'with a diff' }
  const send = (startingDiff: string | undefined) =>
    call<TaskJson>('POST', '/tasks', { ...request(environment), startingDiff }, key)
  const first = await send('diff --git a/x b/x\n')
  expect(first.status).toBe(201)
  expect((await send('diff --git a/x b/x\n')).json.id).toBe(first.json.id)
  for (const other of ['diff --git a/y b/y\n', undefined]) expect((await send(other)).status).toBe(422)
  const [row] = await db().select().from(turns).where(eq(turns.taskId, first.json.id))
  expect(row?.startingPatch?.toString()).toBe('diff --git a/x b/x\n')
})

test('POST /tasks refuses a starting diff that is empty or too large, and says the limit', async () => {
  const { call } = await api.person()
  const environment = await seedEnvironment(db())
  const send = (startingDiff: string) => call('POST', '/tasks', { ...request(environment), startingDiff })
  expect((await send(' \n')).status).toBe(422)
  const large = await send('é'.repeat(1600 * 1024))
  expect([large.status, large.json.detail]).toEqual([413, expect.stringContaining('3072 KiB are the most')])
})

test('POST /tasks keeps the Idempotency-Keys of two people apart', async () => {
  const [ada, ben] = [await api.person(), await api.person()]
  const environment = await seedEnvironment(db())
  const key = { 'idempotency-key': 'k' }
  const first = await ada.call<TaskJson>('POST', '/tasks', request(environment), key)
  const second = await ben.call<TaskJson>('POST', '/tasks', request(environment), key)
  expect([first.status, second.status]).toEqual([201, 201])
  expect(first.json.id).not.toBe(second.json.id)
})

test('POST /tasks and DELETE /environments in a race leave no open task in a deleted environment', async () => {
  const { call } = await api.person()
  for (let round = 0; round < 10; round++) {
    const environment = await seedEnvironment(db())
    await Promise.all([
      call('POST', '/tasks', request(environment)),
      call('DELETE', `/environments/${environment}`),
      call('POST', '/tasks', request(environment)),
    ])
    const open = await db().$count(attempts, eq(attempts.environmentId, environment))
    const [row] = await db().select().from(environments).where(eq(environments.id, environment))
    expect(row?.deletedAt !== null && open > 0).toBe(false)
  }
  expect(api.errors).toEqual([])
})

test('a member sees and cancels own tasks only; for all others there is none', async () => {
  const [ada, ben, root] = [await api.person('member'), await api.person('member'), await api.person('admin')]
  const environment = await seedEnvironment(db())
  const { json: task } = await ada.call<TaskJson>('POST', '/tasks', request(environment))
  const attempt = task.turns[0]?.attempts[0]?.id ?? ''
  const paths = [
    `/tasks/${task.id}`,
    `/tasks/${task.id}/events`,
    `/attempts/${attempt}/diff`,
    `/attempts/${attempt}/ledger`,
  ]
  for (const path of paths) expect((await ben.call('GET', path)).status).toBe(404)
  expect((await ben.call('POST', `/tasks/${task.id}/cancel`)).status).toBe(404)
  expect((await ben.call('POST', `/attempts/${attempt}/pull-request`)).status).toBe(404)
  expect((await ben.call<TaskPageJson>('GET', '/tasks')).json.data).toEqual([])
  expect((await ada.call<TaskPageJson>('GET', '/tasks')).json.data.map(({ id }) => id)).toEqual([task.id])
  expect((await root.call('GET', `/tasks/${task.id}`)).status).toBe(200)
  expect((await root.call<TaskPageJson>('GET', '/tasks')).json.data.map(({ id }) => id)).toContain(task.id)
})

test('a token that may only read creates and cancels nothing', async () => {
  const { call } = await api.person('admin', ['read'])
  const environment = await seedEnvironment(db())
  expect((await call('POST', '/tasks', request(environment))).json.code).toBe('forbidden')
  expect((await call('GET', '/tasks')).status).toBe(200)
})

test('GET /tasks/:id is 404 for a task that is not there', async () => {
  const { call } = await api.person()
  const { status, json } = await call('GET', '/tasks/0000000000000000')
  expect([status, json.code]).toEqual([404, 'task-not-found'])
})

test('GET /tasks filters by state and by environment, named either way', async () => {
  const { call, userId } = await api.person('member')
  const environment = await seedEnvironment(db(), { name: 'filtered' })
  const { taskId } = await seedTask(db(), { userId, environmentId: environment })
  await seedTask(db(), { userId, environmentId: await seedEnvironment(db()) })
  const ids = async (query: string) =>
    (await call<TaskPageJson>('GET', `/tasks?${query}`)).json.data.map(({ id }) => id)
  expect(await ids('environment=filtered')).toEqual([taskId])
  expect(await ids(`environment=${environment}&state=queued`)).toEqual([taskId])
  expect(await ids(`environment=${environment}&state=failed`)).toEqual([])
  expect((await call('GET', '/tasks?environment=nothing')).status).toBe(404)
})

test.each(['x', 'AAAA', '%00', Buffer.from('99999999999999999.a').toString('base64url'), 'a'.repeat(199)])(
  'GET /tasks answers 422 for the cursor %s',
  async (cursor) => {
    const { call } = await api.person()
    expect((await call('GET', `/tasks?cursor=${cursor}`)).status).toBe(422)
  },
)

test('GET /tasks takes the largest cursor that has the right form', async () => {
  const { call } = await api.person()
  const cursor = Buffer.from(`${'9'.repeat(16)}.zz`).toString('base64url')
  expect((await call('GET', `/tasks?cursor=${cursor}`)).status).toBe(200)
  expect(api.errors).toEqual([])
})

test('GET /tasks pages meet every task once while new ones arrive, also when made in one instant', async () => {
  const { call, userId } = await api.person('member')
  const environmentId = await seedEnvironment(db())
  const seeded: string[] = []
  for (let i = 0; i < 25; i++) seeded.push((await seedTask(db(), { userId, environmentId })).taskId)
  // One instant with microseconds for ten of them: the id decides, and the cursor must not round.
  const instant = sql`timestamptz '2026-01-02 03:04:05.678901+00'`
  for (const id of seeded.slice(5, 15)) await db().update(tasks).set({ createdAt: instant }).where(eq(tasks.id, id))
  const met: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`
    const { json } = await call<TaskPageJson>('GET', `/tasks?limit=3${query}`)
    met.push(...json.data.map(({ id }) => id))
    await seedTask(db(), { userId, environmentId })
    cursor = json.nextCursor
  } while (cursor !== null)
  expect(met).toHaveLength(25)
  expect(new Set(met)).toEqual(new Set(seeded))
})

test('GET /tasks ends without a cursor when the last page is exactly full', async () => {
  const { call, userId } = await api.person('member')
  const environmentId = await seedEnvironment(db())
  for (let i = 0; i < 4; i++) await seedTask(db(), { userId, environmentId })
  const first = await call<TaskPageJson>('GET', '/tasks?limit=2')
  const second = await call<TaskPageJson>('GET', `/tasks?limit=2&cursor=${String(first.json.nextCursor)}`)
  expect([first.json.data.length, second.json.data.length, second.json.nextCursor]).toEqual([2, 2, null])
})
