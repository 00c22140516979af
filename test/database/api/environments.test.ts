import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EnvironmentJson } from '../../../api/schemas/environment.ts'
import { attempts, repositories } from '../../../domain/schema.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

test('POST /environments fills in the defaults', async () => {
  const { call, userId } = await api.person()
  const { status, json } = await call<EnvironmentJson>('POST', '/environments', { name: 'plain', repository: '/srv/a' })
  expect(status).toBe(201)
  expect(json).toMatchObject({
    name: 'plain',
    description: '',
    repository: { forge: 'git', address: '/srv/a' },
    image: 'universal',
    agent: 'command',
    agentScript: null,
    agentUser: 'agent',
    setupScript: null,
    maintenanceScript: null,
    variables: {},
    policy: {},
    publish: 'manual',
    holdFlagged: true,
    publishUnlinked: true,
    resources: {},
    limits: {},
    versions: {},
    verification: [],
    starterTasks: [],
    services: [],
    createdBy: userId,
  })
  expect(Object.keys(json)).not.toContain('deletedAt')
})

test('POST /environments stores everything that it is given', async () => {
  const { call } = await api.person()
  const settings = {
    description: 'Grüße 🦭',
    image: 'registry.test:5000/team/image@sha256:0123',
    agentScript: 'echo "$DRYDOCK_PROMPT"\n',
    agentUser: 'root',
    setupScript: 'npm ci',
    maintenanceScript: 'npm install',
    variables: { A: '1', _b: 'x\ny' },
    publish: 'branch',
    holdFlagged: false,
    publishUnlinked: false,
    resources: { memoryMiB: 512, cpus: 0.5 },
    limits: { agentMs: 60_000 },
    maxRunning: 3,
    verification: ['npm test', '(cd web && npm test)'],
    starterTasks: [{ title: 'Explain', prompt: 'Explain\nit' }],
    services: [{ name: 'db', image: 'postgres:17', env: { A: 'x=y' }, command: ['-c', 'fsync=off'], port: 5432 }],
  }
  const body = { name: 'full', repository: 'acme/site', policy: { preset: 'none', allow: [] }, ...settings }
  const { status, json } = await call<EnvironmentJson>('POST', '/environments', body)
  expect(status).toBe(201)
  expect(json).toMatchObject({ ...settings, repository: { forge: 'github', address: 'acme/site' } })
  expect((await call('GET', '/environments/full')).json).toEqual(json)
  expect((await call('GET', `/environments/${json.id}`)).json).toEqual(json)
})

test('POST /environments records a repository once', async () => {
  const { call } = await api.person()
  const body = { repository: 'https://host.test/shared.git' }
  await Promise.all(['s1', 's2', 's3'].map((name) => call('POST', '/environments', { ...body, name })))
  const { db } = api.database
  expect(await db.$count(repositories, eq(repositories.address, body.repository))).toBe(1)
  const { json } = await call<{ data: { address: string }[] }>('GET', '/repositories')
  expect(json.data.filter(({ address }) => address === body.repository)).toHaveLength(1)
})

test('POST and PATCH /environments refuse a name that is taken', async () => {
  const { call } = await api.person()
  await call('POST', '/environments', { name: 'taken', repository: '/srv/a' })
  const again = await call('POST', '/environments', { name: 'taken', repository: '/srv/b' })
  expect([again.status, again.json.code]).toEqual([409, 'name-taken'])
  await call('POST', '/environments', { name: 'free', repository: '/srv/a' })
  expect((await call('PATCH', '/environments/free', { name: 'taken' })).json.code).toBe('name-taken')
  expect(api.errors).toEqual([])
})

test('PATCH /environments changes what is named, clears with null, and leaves the rest', async () => {
  const { call } = await api.person()
  const made = { name: 'change', repository: '/srv/a', setupScript: 'a', description: 'd' }
  const { json: before } = await call<EnvironmentJson>('POST', '/environments', made)
  const change = { setupScript: null, repository: '/srv/other', policy: null }
  const { status, json } = await call<EnvironmentJson>('PATCH', '/environments/change', change)
  expect(status).toBe(200)
  expect(json).toMatchObject({ setupScript: null, description: 'd', image: before.image, policy: {} })
  expect(json.repository.address).toBe('/srv/other')
  const empty = await call<EnvironmentJson>('PATCH', '/environments/change', {})
  expect({ ...empty.json, updatedAt: '' }).toEqual({ ...json, updatedAt: '' })
})

test('POST and PATCH /environments keep a policy that opens the network as it was given', async () => {
  const { call } = await api.person()
  const policy = { setup: { preset: 'common' }, agent: { allow: [{ host: '**.cdn.test', path: '/pub/' }] } }
  await call('POST', '/environments', { name: 'open', repository: '/srv/a', policy })
  const { json } = await call<EnvironmentJson>('GET', '/environments/open')
  expect(json.policy).toMatchObject(policy)
  const change = { policy: { preset: 'all', allow: [{ host: 'db.test', internal: true }] } }
  expect((await call('PATCH', '/environments/open', change)).json).toMatchObject({ policy: { agent: change.policy } })
})

test('PATCH /environments refuses a policy that cannot be and changes nothing', async () => {
  const { call } = await api.person()
  await call('POST', '/environments', { name: 'shut', repository: '/srv/a' })
  const change = { policy: { allow: [{ host: '*' }] }, description: 'new' }
  expect((await call('PATCH', '/environments/shut', change)).json.code).toBe('policy-invalid')
  expect((await call('GET', '/environments/shut')).json.description).toBe('')
})

test('DELETE /environments is 409 while a task is open, then frees the name and keeps the tasks', async () => {
  const { call, userId } = await api.person()
  const { db } = api.database
  const environmentId = await seedEnvironment(db, { name: 'gone' })
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  const refused = await call('DELETE', '/environments/gone')
  expect([refused.status, refused.json.code]).toEqual([409, 'environment-in-use'])
  expect(refused.json.detail).toContain(taskId)
  await db
    .update(attempts)
    .set({ state: 'failed' })
    .where(eq(attempts.id, attemptIds[0] ?? ''))
  expect((await call('DELETE', '/environments/gone')).status).toBe(204)
  expect((await call('GET', '/environments/gone')).status).toBe(404)
  expect((await call('DELETE', '/environments/gone')).status).toBe(404)
  expect((await call('GET', `/tasks/${taskId}`)).json.environmentName).toBe('gone')
  expect((await call('POST', '/environments', { name: 'gone', repository: '/srv/a' })).status).toBe(201)
})

test('a member reads environments and changes none', async () => {
  const { call } = await api.person('member')
  const id = await seedEnvironment(api.database.db)
  expect((await call('GET', '/environments')).status).toBe(200)
  expect((await call('GET', `/environments/${id}`)).status).toBe(200)
  const attempted = [
    await call('POST', '/environments', { name: 'mine', repository: '/srv/a' }),
    await call('PATCH', `/environments/${id}`, { description: 'x' }),
    await call('DELETE', `/environments/${id}`),
  ]
  expect(attempted.map(({ status, json }) => [status, json.code])).toEqual(Array(3).fill([403, 'forbidden']))
})

test('POST and PATCH /environments refuse a version that cannot be had, and one for another image', async () => {
  const { call } = await api.person()
  const body = { name: 'versions', repository: '/srv/a' }
  const refused = await call('POST', '/environments', { ...body, versions: { python: '3.9' } })
  expect([refused.status, refused.json.code]).toEqual([422, 'version-unavailable'])
  expect(refused.json.detail).toContain('the universal image has python 3.13 and no other')
  const { json } = await call<EnvironmentJson>('POST', '/environments', { ...body, versions: { node: '20' } })
  expect(json.versions).toEqual({ node: '20' })
  // The versions that it has do not go with an image of its own.
  const moved = await call('PATCH', '/environments/versions', { image: 'my/image:1' })
  expect([moved.status, moved.json.code]).toEqual([422, 'version-unavailable'])
  expect((await call('PATCH', '/environments/versions', { image: 'my/image:1', versions: {} })).status).toBe(200)
})

test.each([
  [{ versions: { node: 'latest' } }, 'must be a version'],
  [{ verification: [''] }, 'verification'],
  [{ verification: Array.from({ length: 41 }, () => 'true') }, 'verification'],
  [{ starterTasks: [{ title: '', prompt: 'x' }] }, 'title'],
  [{ services: [{ name: 'db', image: 'x', privileged: true }] }, 'has no privileged'],
])('POST /environments refuses %j', async (settings, words) => {
  const { call } = await api.person()
  const { status, json } = await call('POST', '/environments', { name: 'bad', repository: '/srv/a', ...settings })
  expect([status, json.code]).toEqual([422, 'invalid-request'])
  expect(json.detail).toContain(words)
})
