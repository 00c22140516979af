import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PublishJson, TaskJson } from '../../../api/schemas/task.ts'
import { attempts, diffs, environments, events, pullRequests, repositories, tasks } from '../../../domain/schema.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
let call: Call
let userId: string
let environmentId: string
beforeAll(async () => {
  api = await testApi()
  ;({ call, userId } = await api.person())
  environmentId = await seedEnvironment(api.database.db)
})
afterAll(() => api[Symbol.asyncDispose]())

const patch = Buffer.from([0xff, 0xfe, 0x00, 0x2b, 0x0d, 0x0a])

async function finished(input: Partial<typeof attempts.$inferInsert> & { files?: number; mode?: 'ask' | 'code' } = {}) {
  const { files = 1, mode = 'code', ...attempt } = input
  const { db } = api.database
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  const id = attemptIds[0] ?? ''
  await db.update(tasks).set({ mode }).where(eq(tasks.id, taskId))
  await db
    .update(attempts)
    .set({ state: 'succeeded', branch: 'drydock/x', commit: 'c0ffee', ...attempt })
    .where(eq(attempts.id, id))
  if (mode === 'code') await db.insert(diffs).values({ attemptId: id, patch, files, additions: 3, deletions: 1 })
  return { id, taskId }
}

const publish = (id: string, body?: unknown) =>
  call<PublishJson & { code?: string; detail?: string }>('POST', `/attempts/${id}/pull-request`, body)

test('GET /attempts/:id/diff gives the patch byte for byte', async () => {
  const { id } = await finished()
  const headers = { authorization: `Bearer ${(await api.person()).token}` }
  const response = await api.app.request(`/api/v1/attempts/${id}/diff`, { headers })
  expect(response.headers.get('content-type')).toBe('text/x-diff')
  expect(Buffer.from(await response.arrayBuffer())).toEqual(patch)
})

test('GET /attempts/:id/diff says why there is none', async () => {
  const { db } = api.database
  const { attemptIds } = await seedTask(db, { userId, environmentId })
  const codes = [
    (await call('GET', `/attempts/${attemptIds[0] ?? ''}/diff`)).json.code,
    (await call('GET', `/attempts/${(await finished({ mode: 'ask' })).id}/diff`)).json.code,
    (await call('GET', '/attempts/0000000000000000/diff')).json.code,
  ]
  expect(codes).toEqual(['attempt-not-finished', 'not-a-code-task', 'attempt-not-found'])
})

test('GET /attempts/:id/ledger is empty without a network', async () => {
  const { id } = await finished()
  expect((await call('GET', `/attempts/${id}/ledger`)).json).toEqual({ data: [], next: null })
})

test('POST /attempts/:id/pull-request asks once, wakes the runners and shows as pending', async () => {
  const { id, taskId } = await finished({ publishState: 'failed', publishReason: 'it was refused' })
  const woken = new Promise<void>((resolve) => {
    void api.database.client
      .listen('drydock_queue', () => resolve())
      .then(async () => {
        const { status, json } = await publish(id)
        expect([status, json.publish, json.branch]).toEqual([202, { state: 'pending', reason: null }, 'drydock/x'])
      })
  })
  await woken
  expect((await publish(id)).status).toBe(202)
  const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
  expect([json.state, json.turns[0]?.attempts[0]?.publish.state]).toEqual(['succeeded', 'pending'])
  expect(await api.database.db.$count(events, eq(events.taskId, taskId))).toBe(1)
})

test('POST /attempts/:id/pull-request answers 200 with what is published', async () => {
  const { id } = await finished({ publishState: 'published' })
  const pullRequest = { number: 7, url: 'https://forge.test/7' }
  await api.database.db.insert(pullRequests).values({ attemptId: id, ...pullRequest })
  const { status, json } = await publish(id)
  expect([status, json.publish.state, json.pullRequest]).toEqual([200, 'published', pullRequest])
})

test('POST /attempts/:id/pull-request opens one for a published branch only where the forge has them', async () => {
  const { db } = api.database
  const plain = await finished({ publishState: 'published' })
  expect((await publish(plain.id)).status).toBe(200)
  const onGithub = await seedEnvironment(db)
  const [row] = await db.select().from(environments).where(eq(environments.id, onGithub))
  await db
    .update(repositories)
    .set({ forge: 'github' })
    .where(eq(repositories.id, row?.repositoryId ?? ''))
  const { id, taskId } = await finished({ publishState: 'published' })
  await db.update(tasks).set({ environmentId: onGithub }).where(eq(tasks.id, taskId))
  expect((await publish(id)).json.publish.state).toBe('pending')
})

test('POST /attempts/:id/pull-request needs a word for flagged files that are held, and lists them', async () => {
  const flagged = [{ path: '.github/workflows/ci\n.yml', why: 'runs in CI' }]
  const { id } = await finished({ publishState: 'held', flagged })
  const refused = await publish(id)
  expect([refused.status, refused.json.code]).toEqual([409, 'confirmation-required'])
  expect(refused.json.detail).toContain('".github/workflows/ci\\n.yml" (runs in CI)')
  expect((await publish(id, { confirmFlagged: false })).status).toBe(409)
  expect((await publish(id, { confirmFlagged: 'yes' })).status).toBe(422)
  expect((await publish(id, { confirmFlagged: true })).status).toBe(202)
})

test.each([
  ['no changes', { files: 0 }, 'no-changes'],
  ['a failure', { state: 'failed' }, 'no-changes'],
  ['a run that goes on', { state: 'collecting' }, 'attempt-not-finished'],
  ['a question', { mode: 'ask' }, 'not-a-code-task'],
] as const)('POST /attempts/:id/pull-request is 409 for %s', async (_, input, code) => {
  const { status, json } = await publish((await finished(input)).id)
  expect([status, json.code]).toEqual([409, code])
})

test('GET /tasks/:id tells diff, pull request, usage and duration of an attempt', async () => {
  const startedAt = new Date('2026-01-01T00:00:00Z')
  const { id, taskId } = await finished({ startedAt, finishedAt: new Date('2026-01-01T00:01:01.600Z'), inputTokens: 5 })
  await api.database.db.insert(pullRequests).values({ attemptId: id, number: 1, url: 'https://forge.test/1' })
  const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
  expect(json.turns[0]?.attempts[0]).toMatchObject({
    diff: { files: 1, additions: 3, deletions: 1 },
    pullRequest: { number: 1, url: 'https://forge.test/1' },
    usage: { inputTokens: 5, outputTokens: 0, seconds: 62 },
    branch: 'drydock/x',
    commit: 'c0ffee',
  })
})

test('what was published to a plain remote is through, also when the environment points to GitHub since', async () => {
  const { db } = api.database
  const at = async (forge: 'git' | 'github', address: string) => {
    const environment = await seedEnvironment(db, { forge, address })
    const [row] = await db.select().from(environments).where(eq(environments.id, environment))
    return { environment, repositoryId: row?.repositoryId ?? '' }
  }
  const plain = await at('git', '/srv/plain.git')
  const { environment } = await at('github', 'acme/shop')
  const { id } = await finished({ publishState: 'published', repositoryId: plain.repositoryId })
  await db.update(attempts).set({ environmentId: environment }).where(eq(attempts.id, id))
  const { taskId } = (await db.select().from(attempts).where(eq(attempts.id, id)))[0] ?? { taskId: '' }
  await db.update(tasks).set({ environmentId: environment }).where(eq(tasks.id, taskId))
  expect(await publish(id)).toMatchObject({ status: 200, json: { publish: { state: 'published' } } })
})
