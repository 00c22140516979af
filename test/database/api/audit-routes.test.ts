// Every route that changes something is called with success: what it says that it writes down is written, and nothing else.

import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSession } from '../../../domain/access/sessions.ts'
import { without } from '../../../domain/without.ts'
import { auditedRoutes } from '../../../api/enforce.ts'
import { linkForgeLogin } from '../../../domain/people/forge-logins.ts'
import { claimInspection, endInspection } from '../../../domain/environments/inspections.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { attempts, diffs } from '../../../domain/schema.ts'
import { openCredentials, readSecrets, useBy } from '../../../runner/secrets/attempt-secrets.ts'
import { allEntries, verifyAll } from '../../support/audit.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedObjects, seedPeople } from '../../support/people.ts'
import type { Objects, People } from '../../support/people.ts'

const CANARY = 'canary-5Rt8Kq2Vx0'
const CODEX = ['/api/codex', '/backend-api/wham', '/wham']
const V1 = '/api/v1'
const COMMIT = 'c'.repeat(40)

const keyring = parseKeyring([randomBytes(32).toString('base64')])
let api: TestApi
let people: People
let objects: Objects
beforeAll(async () => {
  api = await testApi({ keyring, inspectionWaitMs: 60_000 })
  people = await seedPeople(api.database.db)
  objects = await seedObjects(api.database.db, people)
})
afterAll(() => api[Symbol.asyncDispose]())

type Sent = { form?: Record<string, string> | undefined; session?: string | undefined }

async function send(route: string, body?: unknown, { form, session }: Sent = {}) {
  const [method = '', path = ''] = route.split(' ')
  const response = await api.app.request(path.startsWith('^') ? path.slice(1) : `${V1}${path}`, {
    method,
    headers: {
      ...(session === undefined
        ? { authorization: `Bearer ${people.of.get('owner')?.token ?? ''}` }
        : { cookie: `__Host-drydock=${session}` }),
      // Where browsers sign in, whatever comes from another page is refused.
      origin: 'http://localhost',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(form && { body: new URLSearchParams(form) }),
  })
  return { status: response.status, text: await response.text() }
}

type Case = {
  params?: Record<string, string>
  body?: unknown
  form?: Record<string, string>
  /** In a browser of the owner. */
  session?: { id: string; secret: string }
  before?: () => Promise<unknown>
  during?: () => Promise<unknown>
}

/** Answers as a runner would that looked into the repository. */
const inspected = (declared: string | null) => async () => {
  const { db } = api.database
  let next = await claimInspection(db, 60_000)
  while (!next) next = await claimInspection(db, 60_000)
  const nothing = { image: 'universal', versions: {}, setupScript: null, maintenanceScript: null, verification: [] }
  const proposal = { ...nothing, starterTasks: [], reasons: [] }
  const result = { commit: COMMIT, branch: 'main', proposal, declared }
  await endInspection(db, next, { state: 'done', result })
}

async function publishable() {
  const { db } = api.database
  const { attemptId } = objects
  await db.update(attempts).set({ state: 'succeeded' }).where(eq(attempts.id, attemptId))
  await db.insert(diffs).values({ attemptId, patch: Buffer.from('x'), files: 1, additions: 1, deletions: 0 })
}

const FILE = 'setup: npm ci\n'
const provider = { wire: 'chat', baseUrl: 'https://models.test/v1', models: ['m'], key: CANARY }
const codexTask = () => ({
  new_task: { environment_id: objects.environmentName, branch: 'main', run_environment_in_qa_mode: false },
  input_items: [{ type: 'message', role: 'user', content: [{ content_type: 'text', text: 'x' }] }],
})

let made = 0
const fresh = () => `m${++made}`

async function ownToken(): Promise<Record<string, string>> {
  const { text } = await send('POST /tokens', { name: 'more' })
  return { id: (JSON.parse(text) as { id: string }).id }
}

/** A browser of the owner, and a program that waits for what it says. */
async function device() {
  const { userId = '', tokenId = '' } = people.of.get('owner') ?? {}
  const session = await createSession(api.database.db, { userId, by: { tokenId } })
  const { text } = await send('POST ^/auth/device', { client: 'a program' })
  const { user_code, device_code } = JSON.parse(text) as Record<'user_code' | 'device_code', string>
  return { session, form: { user_code }, body: { device_code } }
}

/** In the order in which they are called: objects last as long as they are needed. */
const CASES: Record<string, () => Case | Promise<Case>> = {
  'POST /tasks': () => ({ body: { environment: objects.environmentName, mode: 'ask', prompt: CANARY } }),
  ...Object.fromEntries(CODEX.map((prefix) => [`POST ^${prefix}/tasks`, () => ({ body: codexTask() })])),
  'POST /attempts/{id}/pull-request': () => ({ params: { id: objects.attemptId }, body: {}, before: publishable }),
  'POST /tasks/{id}/turns': () => ({ params: { id: objects.taskId }, body: { prompt: CANARY } }),
  'POST /tasks/{id}/cancel': () => ({ params: { id: objects.taskId } }),
  'POST /environments': () => ({ body: { name: fresh(), repository: '/srv/x', variables: { A: CANARY } } }),
  'PATCH /environments/{id}': () => ({
    body: { setupScript: `echo ${CANARY}`, variables: { B: CANARY }, policy: { agent: { preset: 'none' } } },
  }),
  'POST /environments/{id}/plan': () => ({ during: inspected(FILE) }),
  'POST /environments/{id}/apply': () => ({ body: { commit: COMMIT, accept: [] }, during: inspected(FILE) }),
  'POST /repositories/inspect': () => ({ body: { repository: '/srv/x' }, during: inspected(null) }),
  'POST /environments/{id}/refresh': () => ({}),
  'POST /environments/{id}/reset-cache': () => ({}),
  'PUT /environments/{id}/secrets/{name}': () => ({ params: { name: 'S' }, body: { kind: 'setup', value: CANARY } }),
  'DELETE /environments/{id}/secrets/{name}': () => ({ params: { name: 'S' } }),
  'POST /providers': () => ({ body: { name: 'p', ...provider } }),
  'PATCH /providers/{name}': () => ({ params: { name: 'p' }, body: { key: `${CANARY}2` } }),
  'DELETE /providers/{name}': () => ({ params: { name: 'p' } }),
  'PUT /credentials/{name}': () => ({ params: { name: 'c' }, body: { value: CANARY } }),
  'DELETE /credentials/{name}': () => ({ params: { name: 'c' } }),
  'POST /keys/rewrap': () => ({}),
  'PATCH /settings': () => ({ body: { tasksVisibleTo: 'environment' } }),
  'POST /tokens': () => ({ body: { name: 't', scopes: ['read'] } }),
  'DELETE /tokens/{id}': async () => ({ params: await ownToken() }),
  'PUT /me/forge-logins': () => ({ body: { forge: 'github', token: CANARY } }),
  'DELETE /me/forge-logins/{host}': () => ({ params: { host: 'github.test' } }),
  'POST /users': () => ({ body: { kind: 'person', name: 'New', email: 'new@example.test', role: 'viewer' } }),
  'PATCH /users/{id}': () => ({ params: { id: objects.userId }, body: { name: 'Renamed' } }),
  'POST /users/{id}/tokens': () => ({ params: { id: objects.userId }, body: { name: 't', scopes: ['read'] } }),
  'DELETE /users/{id}/tokens/{token}': async () => {
    const { text } = await send(`POST /users/${objects.userId}/tokens`, { name: 'more', scopes: ['read'] })
    return { params: { id: objects.userId, token: (JSON.parse(text) as { id: string }).id } }
  },
  'GET /users/{id}/export': () => ({ params: { id: objects.userId } }),
  'DELETE /users/{id}': async () => {
    const { text } = await send('POST /users', {
      kind: 'person',
      name: 'Gone',
      email: 'g@example.test',
      role: 'viewer',
    })
    return { params: { id: (JSON.parse(text) as { id: string }).id } }
  },
  'DELETE /users/{id}/forge-logins/{host}': async () => {
    const account = { login: 'ada', id: 7 }
    const by = { kind: 'user', name: 'Ada', userId: objects.userId } as const
    await linkForgeLogin(api.database.db, { by, host: 'ghe.test', account })
    return { params: { id: objects.userId, host: 'ghe.test' } }
  },
  'DELETE /users/{id}/sessions': () => ({ params: { id: objects.userId } }),
  'POST ^/auth/session': () => ({ body: {} }),
  'POST ^/auth/device': () => ({ body: { client: 'a program' } }),
  'POST ^/device': async () => without(await device(), 'body'),
  'POST ^/device/confirm': async () => without(await device(), 'body'),
  'POST ^/device/deny': async () => without(await device(), 'body'),
  'POST ^/auth/device/token': async () => {
    const { session, form, body } = await device()
    await send('POST ^/device/confirm', undefined, { form, session: session.secret })
    // The program has the code alone; who confirmed it is who makes the token.
    return { body, session }
  },
  'DELETE /sessions/{id}': async () => {
    const { text } = await send('POST ^/auth/session', {})
    return { params: { id: (JSON.parse(text) as { sessionId: string }).sessionId } }
  },
  'POST ^/auth/sign-out': () => ({}),
  'POST ^/auth/sign-out-everywhere': () => ({}),
  'POST /sign-in-providers': () => ({
    body: { name: 'idp', issuer: 'https://idp.test', clientId: 'x', clientSecret: CANARY },
  }),
  'PATCH /sign-in-providers/{name}': () => ({ params: { name: 'idp' }, body: { clientSecret: `${CANARY}2` } }),
  'DELETE /sign-in-providers/{name}': () => ({ params: { name: 'idp' } }),
  'POST /groups': () => ({ body: { name: fresh() } }),
  'PATCH /groups/{id}': () => ({ params: { id: objects.groupId }, body: { description: 'x' } }),
  'PUT /groups/{id}/members/{user}': () => ({ params: { id: objects.groupId } }),
  'DELETE /groups/{id}/members/{user}': () => ({ params: { id: objects.groupId } }),
  'POST /roles': () => ({ body: { name: fresh(), permissions: [] } }),
  'PATCH /roles/{id}': () => ({ params: { id: objects.roleId }, body: { permissions: ['cloud.use'] } }),
  'PUT /roles/{id}/users/{user}': () => ({ params: { id: objects.roleId } }),
  'DELETE /roles/{id}/users/{user}': () => ({ params: { id: objects.roleId } }),
  'PUT /roles/{id}/groups/{group}': () => ({ params: { id: objects.roleId } }),
  'DELETE /roles/{id}/groups/{group}': () => ({ params: { id: objects.roleId } }),
  'DELETE /groups/{id}': () => ({ params: { id: objects.groupId } }),
  'DELETE /roles/{id}': () => ({ params: { id: objects.roleId } }),
  'DELETE /environments/{id}': async () => {
    const { text } = await send('POST /environments', { name: fresh(), repository: '/srv/x' })
    return { params: { id: (JSON.parse(text) as { id: string }).id } }
  },
  'GET /audit/export': () => ({}),
}

const pathOf = (route: string) => (route.includes('^') ? route.replace('^', '') : route.replace(' ', ` ${V1}`))
const colons = (route: string) => route.replaceAll(/\{(\w+)\}/g, ':$1')

test('the cases below are of every route that is written down or changes something', () => {
  // The model route needs a gateway, and has its tests with one.
  const audited = [...auditedRoutes(api.app)].filter(([route]) => !route.includes('/model/v1/'))
  expect(
    Object.keys(CASES)
      .map((route) => colons(pathOf(route)))
      .toSorted(),
  ).toEqual(audited.map(([route]) => route).toSorted())
})

test.each(Object.entries(CASES))('%s writes down what it says', async (route, makeCase) => {
  const { db } = api.database
  const { params, body, form, session, before, during } = await makeCase()
  await before?.()
  const all = { id: objects.environmentId, user: objects.userId, group: objects.groupId, ...params }
  const named = route.replaceAll(/\{(\w+)\}/g, (_, name: string) => (all as Record<string, string>)[name] ?? '')
  const earlier = (await allEntries(db)).length
  const [{ status, text }] = await Promise.all([send(named, body, { form, session: session?.secret }), during?.()])
  expect(status, text).toBeLessThan(300)
  const written = (await allEntries(db)).slice(earlier)
  const said = auditedRoutes(api.app).get(colons(pathOf(route)))
  expect(written.map(({ action }) => action)).toEqual(said === 'none' ? [] : [said])
  const { userId, tokenId } = people.of.get('owner') ?? { userId: '', tokenId: '' }
  const came = session ? { via: 'session', credentialId: session.id } : { via: 'token', credentialId: tokenId }
  for (const entry of written) expect(entry).toMatchObject({ actorId: userId, ...came })
})

test('a change of a policy is there with before and after, and nothing that stayed', async () => {
  const [entry] = (await allEntries(api.database.db)).filter(({ action }) => action === 'environment.update')
  expect(Object.keys(entry?.after as object).toSorted()).toEqual([
    'policy',
    'setupScript',
    'variableValues',
    'variables',
  ])
  expect(entry).toMatchObject({ before: { variables: [], setupScript: null }, after: { variables: ['B'] } })
  expect(entry?.targetName).toBe(objects.environmentName)
})

test('what a runner reads is there by name, once for each time', async () => {
  const { db } = api.database
  const { environmentId } = objects
  await send(`PUT /environments/${environmentId}/secrets/S`, { kind: 'setup', value: CANARY })
  const brokered = { kind: 'brokered', host: 'api.test', header: 'authorization', value: CANARY }
  await send(`PUT /environments/${environmentId}/secrets/T`, brokered)
  await send('PUT /credentials/npm', { value: CANARY })
  const earlier = (await allEntries(db)).length
  const use = useBy('host', { environmentId, work: { attempt: 'a1' } })
  const { brokered: ofHosts } = await readSecrets({ db, keyring }, use)
  expect(ofHosts).toMatchObject([{ name: 'T' }])
  await openCredentials({ db, keyring }, ['npm', 'unknown', 'secret:T'], use)
  const written = (await allEntries(db)).slice(earlier)
  expect(written.map(({ action, actorName, via, after }) => [action, actorName, via, after])).toMatchObject([
    ['secret.use', 'runner host', 'server', { attempt: 'a1', names: ['S', 'T'] }],
    ['credential.use', 'runner host', 'server', { attempt: 'a1', names: ['npm'] }],
    ['secret.use', 'runner host', 'server', { attempt: 'a1', names: ['T'] }],
  ])
})

test('a service account that works is written down once an hour, a person not at all', async () => {
  const { db } = api.database
  const uses = async () => (await allEntries(db)).filter(({ action }) => action === 'token.use')
  const ask = (kind: string) =>
    api.app.request(`${V1}/me`, { headers: { authorization: `Bearer ${people.of.get(kind)?.token ?? ''}` } })
  await Promise.all([...Array.from({ length: 5 }, () => ask('service')), ask('viewer')])
  await ask('service')
  const { userId, tokenId } = people.of.get('service') ?? { userId: '', tokenId: '' }
  expect(await uses()).toMatchObject([{ actorId: userId, targetId: tokenId }])
})

test('no entry has a secret, and the chain of all of them holds', async () => {
  const { db } = api.database
  const entries = await allEntries(db)
  expect(entries.length).toBeGreaterThan(40)
  expect(JSON.stringify(entries)).not.toContain(CANARY)
  expect((await verifyAll(db)).broken).toBeNull()
})
