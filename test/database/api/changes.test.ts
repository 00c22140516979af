import { SERVER } from '../../../domain/audit/actions.ts'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PublishJson, TaskJson } from '../../../api/schemas/task.ts'
import { attempts } from '../../../domain/schema.ts'
import type { Fence } from '../../../domain/tasks/attempt.ts'
import { cancelTask } from '../../../domain/tasks/cancel.ts'
import type { PatchedChange } from '../../../domain/tasks/changes.ts'
import { enterState, fail, succeed } from '../../../domain/tasks/fenced.ts'
import { settleChange, settleChanges } from '../../../domain/tasks/publish-changes.ts'
import { claimPublish } from '../../../domain/tasks/publishing.ts'
import { claimNext } from '../../../domain/tasks/queue.ts'
import { createTurn, previousAttempt } from '../../../domain/tasks/turns.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { allEntries } from '../../support/audit.ts'
import { aChange } from '../../support/changes.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
let call: Call
let userId: string
beforeAll(async () => {
  api = await testApi()
  ;({ call, userId } = await api.person())
})
afterAll(() => api[Symbol.asyncDispose]())

let made = 0
const patched = (name: string, values: Partial<PatchedChange> = {}): PatchedChange => ({
  ...aChange({ name }),
  patch: Buffer.from(`patch of ${name}`),
  ...values,
})

/** An attempt on several repositories, held by a runner that is about to end it. */
async function collecting() {
  const { db } = api.database
  await db.update(attempts).set({ state: 'cancelled' }).where(eq(attempts.state, 'queued'))
  const environmentId = await seedEnvironment(db)
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  // A host of its own, whose publishings no other test has.
  const runner = { runnerId: `host${++made}/r`, leaseMs: 60_000 }
  const claimed = async (claim: Promise<Fence | undefined>): Promise<Fence> => {
    const fence = await claim
    if (fence === undefined) throw new Error('nothing was claimed')
    return fence
  }
  const fence = await claimed(claimNext(db, runner))
  await enterState(db, fence, 'running')
  await enterState(db, fence, 'collecting')
  const { runnerId } = runner
  return { db, fence, runnerId, taskId, id: attemptIds[0] ?? '', publishing: () => claimed(claimPublish(db, runner)) }
}

async function succeeded(changes: PatchedChange[], state: 'none' | 'held' | 'pending' = 'none') {
  const world = await collecting()
  const [first] = changes
  if (first === undefined) throw new Error('an attempt has a change')
  await succeed(world.db, world.fence, {
    ...{ phase: 'collect', answer: null, change: first, changes },
    publish: state === 'pending' ? { state, mode: 'branch', runnerId: world.runnerId, leaseMs: 0 } : { state },
  })
  return world
}

const attemptOf = async (taskId: string) =>
  (await call<TaskJson>('GET', `/tasks/${taskId}`)).json.turns[0]?.attempts[0] as NonNullable<
    TaskJson['turns'][number]['attempts'][number]
  >

test('GET /tasks/:id shows what came of each repository; the first one is what the attempt itself shows', async () => {
  const { taskId } = await succeeded([patched('api'), patched('web', { commit: null, branch: null })])
  const attempt = await attemptOf(taskId)
  expect(attempt).toMatchObject({ diff: { files: 1 }, commit: 'c'.repeat(40), branch: 'drydock/x' })
  expect(attempt.changes).toEqual([
    {
      ...{ repository: 'api', address: '/srv/api', baseBranch: 'main', baseCommit: 'a'.repeat(40) },
      ...{ branch: 'drydock/x', commit: 'c'.repeat(40), stats: { files: 1, additions: 1, deletions: 0 } },
      ...{ flagged: [], publish: { state: 'none', reason: null }, pullRequest: null },
    },
    expect.objectContaining({ repository: 'web', commit: null, branch: null }),
  ])
})

test('GET /attempts/:id/diff gives the patch of the repository that is named', async () => {
  const { id } = await succeeded([patched('api'), patched('web')])
  const text = async (query = '') => (await call('GET', `/attempts/${id}/diff${query}`)).text
  expect(await text()).toBe('patch of api')
  expect(await text('?repository=api')).toBe('patch of api')
  expect(await text('?repository=web')).toBe('patch of web')
  const unknown = await call('GET', `/attempts/${id}/diff?repository=docs`)
  expect([unknown.status, unknown.json['code']]).toEqual([404, 'not-found'])
  expect(unknown.json['detail']).toContain('It has "api", "web"')
})

test('a failed attempt keeps what it changed in each repository', async () => {
  const { db, fence, id, taskId } = await collecting()
  const changes = [patched('api', { commit: null, branch: null }), patched('web', { commit: null, branch: null })]
  const { patch, stats } = changes[0] as PatchedChange
  const failure = { phase: 'agent', reason: 'agent-exited', message: 'It failed' } as const
  await fail(db, fence, { ...failure, kept: { patch, stats, changes } })
  expect((await attemptOf(taskId)).changes).toMatchObject([{ repository: 'api' }, { repository: 'web' }])
  expect((await call('GET', `/attempts/${id}/diff?repository=web`)).text).toBe('patch of web')
})

test('previousAttempt() has what was left in each repository', async () => {
  const { db, taskId, id } = await succeeded([patched('api'), patched('web')])
  await createTurn(db, { taskId, userId, prompt: 'go on' })
  const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
  const found = await previousAttempt(db, json.turns[1]?.attempts[0]?.id ?? '')
  expect(found).toMatchObject({ id, patch: Buffer.from('patch of api') })
  expect(found?.changes).toEqual(
    ['api', 'web'].map((name) => ({
      ...{ name, repositoryId: `id-${name}`, baseCommit: 'a'.repeat(40) },
      patch: Buffer.from(`patch of ${name}`),
    })),
  )
})

const ask = (id: string, body: unknown = {}) =>
  call<PublishJson & { code?: string; detail?: string }>('POST', `/attempts/${id}/pull-request`, body)

const timing = { phase: 'publish', ms: 1 } as const
const published = { state: 'published' } as const

test('an attempt is published when all its repositories are, and each is published once', async () => {
  const { db, id, taskId, publishing } = await succeeded([
    patched('api'),
    patched('web'),
    patched('same', { commit: null }),
  ])
  expect((await ask(id)).json.publish.state).toBe('pending')
  const states = async () => (await attemptOf(taskId)).changes?.map(({ publish }) => publish.state)
  expect(await states()).toEqual(['pending', 'pending', 'none'])
  const fence = await publishing()
  await settleChange(db, fence, { name: 'web', outcome: published })
  expect([await states(), (await attemptOf(taskId)).publish.state]).toEqual([
    ['pending', 'published', 'none'],
    'pending',
  ])
  const refused = { state: 'failed', reason: 'push-rejected', message: 'Cannot push: no' } as const
  await settleChange(db, fence, { name: 'api', outcome: refused })
  await settleChanges(db, fence, { outcome: published, timing, mode: 'pull-request' })
  expect((await attemptOf(taskId)).publish).toEqual({ state: 'failed', reason: 'api: Cannot push: no' })
  await expect(settleChange(db, fence, { name: 'api', outcome: published })).rejects.toMatchObject({
    code: 'stale-fence',
  })
  // Asked again, only what is missing is done.
  await ask(id)
  expect(await states()).toEqual(['pending', 'published', 'none'])
  const again = await publishing()
  await settleChange(db, again, { name: 'api', outcome: published })
  await settleChanges(db, again, { outcome: published, timing, mode: 'pull-request' })
  expect((await attemptOf(taskId)).publish).toEqual({ state: 'published', reason: null })
  expect((await ask(id)).status).toBe(200)
})

test('flagged files hold the repository that has them until a person confirms, who is told where they are', async () => {
  const flagged = [{ path: 'Makefile', why: 'runs on make' }]
  const held = patched('web', { flagged, publish: { state: 'held', reason: 'flagged-files' } })
  const { db, id, taskId, publishing } = await succeeded(
    [patched('api', { publish: { state: 'pending', reason: null } }), held],
    'pending',
  )
  const fence = await publishing()
  await settleChange(db, fence, { name: 'api', outcome: published })
  await settleChanges(db, fence, { outcome: published, timing, mode: 'branch' })
  expect((await attemptOf(taskId)).publish).toEqual({ state: 'held', reason: 'flagged-files' })
  const refused = await ask(id)
  expect([refused.json.code, refused.json.detail]).toEqual([
    'confirmation-required',
    expect.stringContaining('"web/Makefile" (runs on make)'),
  ])
  expect((await ask(id, { confirmFlagged: true })).json.publish.state).toBe('pending')
  expect((await attemptOf(taskId)).changes?.map(({ publish }) => publish.state)).toEqual(['published', 'pending'])
})

test('who confirms held files while the rest is being published is written down, and publishes from then on', async () => {
  const held = patched('web', {
    flagged: [{ path: 'Makefile', why: 'runs on make' }],
    publish: { state: 'held', reason: 'flagged-files' },
  })
  const { db, id, taskId } = await succeeded(
    [patched('api', { publish: { state: 'pending', reason: null } }), held],
    'pending',
  )
  const acts = async () => (await allEntries(db)).filter(({ targetId }) => targetId === id).map(({ after }) => after)
  await ask(id)
  expect((await attemptOf(taskId)).changes?.map(({ publish }) => publish.state)).toEqual(['pending', 'held'])
  const before = await acts()
  for (let i = 0; i < 2; i++) expect((await ask(id, { confirmFlagged: true })).status).toBe(202)
  expect((await attemptOf(taskId)).changes?.map(({ publish }) => publish.state)).toEqual(['pending', 'pending'])
  expect((await acts()).slice(before.length)).toEqual([{ confirmFlagged: true }])
})

test('a pull request that is asked for while branches are pushed is opened for those that are pushed already, too', async () => {
  const github = { repository: { id: 'r', forge: 'github' as const, address: 'acme/api' } }
  const publish = { state: 'pending' as const, reason: null }
  const { db, id, taskId, publishing } = await succeeded(
    [patched('api', { ...github, publish }), patched('web', { publish })],
    'pending',
  )
  const fence = await publishing()
  await settleChange(db, fence, { name: 'web', outcome: published })
  await ask(id)
  await settleChange(db, fence, { name: 'api', outcome: published })
  await settleChanges(db, fence, { outcome: published, timing, mode: 'branch' })
  const attempt = await attemptOf(taskId)
  expect([attempt.publish.state, attempt.changes?.map((change) => change.publish.state)]).toEqual([
    'pending',
    ['pending', 'published'],
  ])
  const pullRequest = { number: 7, url: 'https://github.test/acme/api/pull/7' }
  const again = await publishing()
  await settleChange(db, again, { name: 'api', outcome: { ...published, pullRequest } })
  await settleChanges(db, again, { outcome: published, timing, mode: 'pull-request' })
  expect(await attemptOf(taskId)).toMatchObject({ pullRequest, changes: [{ pullRequest }, { pullRequest: null }] })
})

test('what a forge did not take in a day is given up, and what it took stays published', async () => {
  const publish = { state: 'pending' as const, reason: null }
  const { db, taskId, publishing } = await succeeded(
    [patched('api', { publish }), patched('web', { publish })],
    'pending',
  )
  const fence = await publishing()
  await settleChange(db, fence, { name: 'web', outcome: published })
  const outcome = { state: 'failed', reason: 'forge-unavailable', message: 'It gave up' } as const
  await settleChanges(db, fence, { outcome, timing, mode: 'branch' })
  expect(await attemptOf(taskId)).toMatchObject({
    publish: { state: 'failed', reason: 'api: It gave up' },
    changes: [{ publish: { state: 'failed', reason: 'It gave up' } }, { publish: { state: 'published' } }],
  })
})

test('a publishing that is cancelled ends for those that were not published yet; asked again, it goes on with them', async () => {
  const publish = { state: 'pending' as const, reason: null }
  const { db, id, taskId, publishing } = await succeeded(
    [patched('api', { publish }), patched('web', { publish }), patched('same', { commit: null })],
    'pending',
  )
  await settleChange(db, await publishing(), { name: 'web', outcome: published })
  await cancelTask(db, taskId, SERVER)
  expect((await attemptOf(taskId)).changes?.map((change) => [change.repository, change.publish])).toEqual([
    ['api', { state: 'failed', reason: expect.stringContaining('the task was cancelled') as string }],
    ['web', { state: 'published', reason: null }],
    ['same', { state: 'none', reason: null }],
  ])
  await ask(id)
  expect((await attemptOf(taskId)).changes?.map((change) => change.publish.state)).toEqual([
    'pending',
    'published',
    'none',
  ])
})
