import { SERVER } from '../../../domain/audit/actions.ts'
import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToken, ensureAdminToken, findUserByToken } from '../../../domain/access/tokens.ts'
import { apiTokens, users } from '../../../domain/schema.ts'
import { callWith, testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

type MadeToken = { id: string; token: string; prefix: string }

test('POST /tokens shows the token once; it works until it is revoked', async () => {
  const { call } = await api.person('member')
  const made = await call<MadeToken>('POST', '/tokens', { name: 'laptop' })
  expect(made.status).toBe(201)
  expect(made.json.token).toMatch(/^dd_[\w-]{43}$/)
  expect(made.json.token.startsWith(made.json.prefix)).toBe(true)
  const other = callWith(api.app, made.json.token)
  expect((await other('GET', '/tasks')).status).toBe(200)
  const list = await call('GET', '/tokens')
  expect(list.text).toContain('laptop')
  expect(list.text).not.toContain(made.json.token)
  expect((await call('DELETE', `/tokens/${made.json.id}`)).status).toBe(204)
  expect((await other('GET', '/tasks')).status).toBe(401)
  expect((await call('DELETE', `/tokens/${made.json.id}`)).status).toBe(404)
})

test('POST /tokens gives no scope that the asking token lacks', async () => {
  const { call } = await api.person('admin', ['read', 'write'])
  const { status, json } = await call('POST', '/tokens', { name: 'more', scopes: ['read', 'admin'] })
  expect([status, json.code]).toEqual([403, 'forbidden'])
})

test('POST /tokens makes none that outlives the asking token, and by default one that ends with it', async () => {
  const { call } = await api.person('member')
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  const later = new Date(Date.now() + 7_200_000).toISOString()
  const made = await call<MadeToken>('POST', '/tokens', { name: 'short', expiresAt: soon })
  const short = callWith(api.app, made.json.token)
  const refused = await short('POST', '/tokens', { name: 'long', expiresAt: later })
  expect([refused.status, refused.json.code]).toEqual([403, 'forbidden'])
  expect(await short('POST', '/tokens', { name: 'same' })).toMatchObject({ status: 201, json: { expiresAt: soon } })
})

test.each([
  { name: '' },
  { name: 'x', scopes: [] },
  { name: 'x', scopes: ['root'] },
  { name: 'x', expiresAt: 'tomorrow' },
])('POST /tokens answers 422 for %j', async (body) => {
  const { call } = await api.person()
  expect((await call('POST', '/tokens', body)).status).toBe(422)
})

test('DELETE /tokens/:id does not reach the tokens of others', async () => {
  const [ada, ben] = [await api.person(), await api.person()]
  const { json } = await ada.call<MadeToken>('POST', '/tokens', { name: 'hers' })
  expect((await ben.call('DELETE', `/tokens/${json.id}`)).status).toBe(404)
  expect((await callWith(api.app, json.token)('GET', '/tasks')).status).toBe(200)
})

test('findUserByToken() knows no expired token', async () => {
  const { db } = api.database
  const userId = await seedUser(db)
  const past = new Date(Date.now() - 1000)
  const { token } = await createToken(db, { by: SERVER, userId, name: 'old', scopes: ['read'], expiresAt: past })
  expect(await findUserByToken(db, token)).toBeUndefined()
})

test('findUserByToken() writes the use at most once a minute, and the hash only', async () => {
  const { db } = api.database
  const userId = await seedUser(db)
  const { token, view } = await createToken(db, { by: SERVER, userId, name: 'used', scopes: ['read'] })
  const lastUsed = async () => (await db.select().from(apiTokens).where(eq(apiTokens.id, view.id)))[0]?.lastUsedAt
  expect(await lastUsed()).toBeNull()
  await findUserByToken(db, token)
  const first = await lastUsed()
  await findUserByToken(db, token)
  expect(await lastUsed()).toEqual(first)
  const earlier = sql`now() - interval '61 seconds'`
  await db.update(apiTokens).set({ lastUsedAt: earlier }).where(eq(apiTokens.id, view.id))
  await findUserByToken(db, token)
  expect((await lastUsed())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Infinity)
  const stored = JSON.stringify(await db.execute(sql`select * from api_tokens`))
  expect(stored).not.toContain(token.slice(12))
})

test('ensureAdminToken() makes one administrator, keeps a valid token and replaces others', async () => {
  await using database = await testDatabase()
  const { db } = database
  const [first, parallel] = await Promise.all([ensureAdminToken(db), ensureAdminToken(db)])
  expect(await db.$count(users)).toBe(1)
  expect(await ensureAdminToken(db, { existingToken: `${first}\n` })).toBe(first)
  expect((await findUserByToken(db, parallel))?.role).toBe('owner')
  expect(await ensureAdminToken(db, { existingToken: 'dd_torn' })).not.toBe('dd_torn')
  await db.update(apiTokens).set({ revokedAt: sql`now()` })
  const renewed = await ensureAdminToken(db, { existingToken: first })
  expect(renewed).not.toBe(first)
  expect((await findUserByToken(db, renewed))?.scopes).toEqual(['read', 'write', 'admin'])
})

test('ensureAdminToken() makes no token after token for a local administrator who was disabled or demoted', async () => {
  await using database = await testDatabase()
  const { db } = database
  const token = await ensureAdminToken(db)
  for (const change of [{ role: 'viewer' as const }, { disabledAt: new Date() }]) {
    await db.update(users).set(change)
    expect(await ensureAdminToken(db, { existingToken: token })).toBe(token)
  }
  expect(await db.$count(apiTokens)).toBe(1)
  expect(await findUserByToken(db, token)).toBeUndefined()
})

test('ensureAdminToken() does not keep a token of someone else', async () => {
  await using database = await testDatabase()
  const userId = await seedUser(database.db, { role: 'member' })
  const { token } = await createToken(database.db, { by: SERVER, userId, name: 'm', scopes: ['read'] })
  expect(await ensureAdminToken(database.db, { existingToken: token })).not.toBe(token)
})

test('PATCH /settings changes what is named; null is a value', async () => {
  const { call } = await api.person()
  const defaults = {
    publicUrl: null,
    allowedRegistries: ['docker.io', 'ghcr.io'],
    gitAllowedHosts: [],
    resourceCeiling: {},
    limitCeiling: {},
    tasksVisibleTo: 'creator',
    auditRetentionDays: null,
    transcriptRetentionDays: null,
    changesRetentionDays: null,
    ledgerRetentionDays: null,
    zeroRetentionMinutes: null,
    cloudForMembers: true,
    localUse: true,
    localDailyTokens: null,
    localMonthlyTokens: null,
    allowedAgents: [],
    allowedModels: [],
    defaultResources: {},
    defaultLimits: {},
    automaticPublishing: true,
    alwaysHoldFlagged: false,
    sessionIdleMinutes: 720,
    sessionMaxMinutes: 10_080,
    networkCeiling: null,
    networkDeny: [],
    memberInternet: false,
    redactQueries: false,
    upstreamCas: [],
    upstreamProxy: null,
    staticHosts: {},
  }
  expect((await call('GET', '/settings')).json).toEqual(defaults)
  const change = { publicUrl: 'https://drydock.test', gitAllowedHosts: ['git.corp.test:3000'] }
  expect((await call('PATCH', '/settings', change)).json).toEqual({ ...defaults, ...change })
  await call('PATCH', '/settings', { publicUrl: null })
  expect((await call('GET', '/settings')).json).toEqual({ ...defaults, gitAllowedHosts: change.gitAllowedHosts })
})

test.each([
  { publicUrl: 'ftp://x.test' },
  { publicUrl: 'javascript:alert(1)' },
  { gitAllowedHosts: ['UPPER.test'] },
  { gitAllowedHosts: 'a.test' },
  { allowedRegistries: ['a b'] },
  { unknown: true },
])('PATCH /settings answers 422 for %j', async (body) => {
  const { call } = await api.person()
  expect((await call('PATCH', '/settings', body)).status).toBe(422)
})

test('a member neither reads nor changes settings', async () => {
  const { call } = await api.person('member')
  expect((await call('GET', '/settings')).status).toBe(403)
  expect((await call('PATCH', '/settings', {})).status).toBe(403)
})

test('GET /metrics tells administrators the queue and the durations of requests', async () => {
  const { call, userId } = await api.person()
  const { db } = api.database
  await seedTask(db, { userId, environmentId: await seedEnvironment(db), attempts: 3 })
  await call('GET', '/tasks/0000000000000000')
  await call('GET', '/tasks')
  const { status, text } = await call('GET', '/metrics')
  expect(status).toBe(200)
  expect(text).toContain('drydock_queue_length 3')
  expect(text).toContain('drydock_attempts{state="running"} 0')
  expect(text).toMatch(/drydock_http_request_seconds_count\{method="GET",route="\/api\/v1\/tasks",status="200"\} \d+/)
  const member = await api.person('member')
  expect((await member.call('GET', '/metrics')).status).toBe(403)
})

test('GET /readyz answers 200 while the database does', async () => {
  const response = await api.app.request('/readyz')
  expect([response.status, await response.json()]).toEqual([200, { status: 'ready' }])
})
