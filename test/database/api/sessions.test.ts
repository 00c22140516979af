import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createToken, revokeToken } from '../../../domain/access/tokens.ts'
import { SERVER } from '../../../domain/audit/actions.ts'
import { users } from '../../../domain/schema.ts'
import { sessions } from '../../../domain/schema/sign-in.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { readSse, testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { Browser } from '../../support/browser.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => void (api = await testApi()))
afterAll(() => api[Symbol.asyncDispose]())

type Person = Awaited<ReturnType<TestApi['person']>>
let person: Person
let browser: Browser
beforeEach(async () => {
  person = await api.person('member')
  browser = new Browser(api.app)
  expect((await browser.send('POST', '/auth/session', { body: { token: person.token } })).status).toBe(201)
})

const move = (column: 'created_at' | 'last_seen_at', by: string) =>
  api.database.db.execute(sql`update sessions set ${sql.raw(column)} = now() - ${by}::interval
    where user_id = ${person.userId}`)
const lastSeen = async () => {
  const rows = await api.database.db.select().from(sessions).where(eq(sessions.userId, person.userId))
  return Date.now() - (rows[0]?.lastSeenAt.getTime() ?? 0)
}
const MINUTE = 60_000

test.each([
  ['last_seen_at', '11 hours 59 minutes', 200],
  ['last_seen_at', '12 hours', 401],
  ['created_at', '6 days 23 hours', 200],
  ['created_at', '7 days', 401],
] as const)('a session whose %s is %s ago answers %i', async (column, by, status) => {
  await move(column, by)
  expect((await browser.me()).status).toBe(status)
})

test.each([
  ['14 minutes', 201, undefined],
  ['15 minutes', 403, 'sign-in-too-old'],
] as const)('a session that began %s ago makes tokens: %i', async (by, status, code) => {
  await move('created_at', by)
  const answer = await browser.send('POST', '/api/v1/tokens', { body: { name: 'x' } })
  expect([answer.status, ((await answer.json()) as { code?: string }).code]).toEqual([status, code])
  // What a token makes has nothing to do with it.
  expect((await person.call('POST', '/tokens', { name: 'x' })).status).toBe(201)
})

test('limits that are lowered hold for sessions that are there', async () => {
  await move('last_seen_at', '1 hour')
  await updateSettings(api.database.db, { sessionIdleMinutes: 30 }, SERVER)
  expect((await browser.me()).status).toBe(401)
  await updateSettings(api.database.db, { sessionIdleMinutes: 720 }, SERVER)
})

test('that somebody was seen is noted once a minute', async () => {
  await move('last_seen_at', '50 seconds')
  await browser.me()
  expect(await lastSeen()).toBeGreaterThan(MINUTE / 2)
  await move('last_seen_at', '5 hours')
  await browser.me()
  expect(await lastSeen()).toBeLessThan(MINUTE)
})

test('GET /sessions lists the own ones, and DELETE ends one of them', async () => {
  const second = new Browser(api.app)
  await second.send('POST', '/auth/session', { body: { token: person.token }, headers: { 'user-agent': 'Test/1' } })
  const { data } = (await (await second.send('GET', '/api/v1/sessions')).json()) as {
    data: { id: string; current: boolean; userAgent: string | null }[]
  }
  expect(data).toMatchObject([
    { current: true, userAgent: 'Test/1', provider: null },
    { current: false, userAgent: null },
  ])
  const foreign = await (await api.person('owner')).call('DELETE', `/sessions/${data[1]?.id}`)
  expect(foreign.status).toBe(404)
  expect((await second.send('DELETE', `/api/v1/sessions/${data[1]?.id}`)).status).toBe(204)
  expect([(await browser.me()).status, (await second.me()).status]).toEqual([401, 200])
})

describe('a session ends', () => {
  const second = () => new Browser(api.app)
  const ends: [string, () => Promise<unknown>][] = [
    [
      'with its token',
      async () => revokeToken(api.database.db, { id: await tokenId(), userId: person.userId, by: SERVER }),
    ],
    ['when its person signs out', () => browser.send('POST', '/auth/sign-out')],
    [
      'when its person signs out everywhere',
      async () => {
        const other = second()
        await other.send('POST', '/auth/session', { body: { token: person.token } })
        await other.send('POST', '/auth/sign-out-everywhere')
      },
    ],
    [
      'when an administrator says so',
      async () => (await api.person('admin')).call('DELETE', `/users/${person.userId}/sessions`),
    ],
    [
      'when its person is disabled, also for when they are enabled again',
      async () => {
        const { db } = api.database
        for (const disabledAt of [new Date(), null]) {
          await db.update(users).set({ disabledAt }).where(eq(users.id, person.userId))
        }
      },
    ],
    ['when it is idle', () => move('last_seen_at', '12 hours')],
  ]
  const tokenId = async () => {
    const { json } = await person.call<{ data: { id: string }[] }>('GET', '/tokens')
    return json.data[0]?.id ?? ''
  }

  test.each(ends)('%s, and with it what follows a task', async (_, end) => {
    const environmentId = await seedEnvironment(api.database.db)
    const { taskId } = await seedTask(api.database.db, { userId: person.userId, environmentId })
    const secret = browser.cookies.get('__Host-drydock') ?? ''
    const { body } = await browser.send('GET', `/api/v1/tasks/${taskId}/events`)
    const stream = readSse(body ?? expect.unreachable())
    await stream.next()
    await end()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    browser.cookies.set('__Host-drydock', secret)
    expect((await browser.me()).status).toBe(401)
  })
})

test('a session by a token does no more than the token', async () => {
  const { db } = api.database
  const admin = await api.person('admin')
  const permissions = ['cloud.use', 'settings.manage'] as const
  const limited = await createToken(db, {
    by: SERVER,
    userId: admin.userId,
    name: 'x',
    scopes: ['read', 'write'],
    permissions,
  })
  await browser.send('POST', '/auth/session', { body: { token: limited.token } })
  const get = async (path: string) => (await browser.send('GET', `/api/v1${path}`)).status
  expect([await get('/settings'), await get('/users')]).toEqual([200, 403])
  expect((await browser.send('PATCH', '/api/v1/settings', { body: {} })).status).toBe(403)
  const make = async (body: object) => {
    const answer = await browser.send('POST', '/api/v1/tokens', { body: { name: 'y', ...body } })
    return [answer.status, ((await answer.json()) as { permissions?: unknown }).permissions]
  }
  expect(await make({})).toEqual([201, [...permissions]])
  expect(await make({ permissions: ['cloud.use'] })).toEqual([201, ['cloud.use']])
  expect(await make({ permissions: ['members.manage'] })).toEqual([403, undefined])
})

describe('what a cookie asks for is refused', () => {
  const post = (headers: Record<string, string>) =>
    browser.send('POST', '/api/v1/tokens', { body: { name: 'evil' }, headers })

  test.each([
    ['from another origin', { origin: 'https://evil.test' }],
    ['from a neighbour', { origin: 'http://sub.localhost' }],
    ['from another port', { origin: 'http://localhost:8080' }],
    ['over TLS where there is none', { origin: 'https://localhost' }],
    ['from a sandboxed page', { origin: 'null' }],
    ['without an origin', { origin: '' }],
    ['by another site', { 'sec-fetch-site': 'cross-site' }],
    ['by the same site', { 'sec-fetch-site': 'same-site' }],
  ])('%s', async (_, headers) => {
    const answer = await post(headers)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'foreign-origin'])
  })

  test('but not what a page of the server asks for, nor what carries a token', async () => {
    expect((await post({})).status).toBe(201)
    const authorization = `Bearer ${person.token}`
    expect((await post({ origin: 'https://evil.test', authorization })).status).toBe(201)
    // A wrong token is not made up for by a cookie.
    expect((await post({ authorization: 'Bearer dd_x' })).status).toBe(401)
  })

  test.each(['/auth/session', '/auth/sign-out', '/auth/sign-out-everywhere'])('POST %s, too', async (path) => {
    const answer = await browser.send('POST', path, {
      body: { token: person.token },
      headers: { origin: 'https://a.b' },
    })
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []])
    expect((await browser.me()).status).toBe(200)
  })

  test('where publicUrl is set, it alone is the origin', async () => {
    await using other = await testApi({ publicUrl: () => 'https://drydock.test/' })
    const { token } = await other.person('member')
    const visitor = new Browser(other.app)
    const come = (origin: string) => visitor.send('POST', '/auth/session', { body: { token }, headers: { origin } })
    expect([(await come('http://localhost')).status, (await come('https://drydock.test')).status]).toEqual([403, 201])
  })
})

test('a cookie counts for nothing twice, in another form, or where the Codex CLI asks', async () => {
  const secret = browser.cookies.get('__Host-drydock') ?? ''
  const status = async (cookie: string, path = '/api/v1/me') =>
    (await api.app.request(path, { headers: { cookie } })).status
  expect(await status(`__Host-drydock=${secret}`)).toBe(200)
  expect(await status(`__Host-drydock=${secret}; __Host-drydock=${secret}`)).toBe(401)
  expect(await status(`__host-drydock=${secret}`)).toBe(401)
  expect(await status(`drydock=${secret}`)).toBe(401)
  expect(await status(`__Host-drydock=${secret}`, '/wham/tasks/list')).toBe(401)
})

describe('too many tries', () => {
  const at = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } })
  const ask = async (token: string, address: string, headers = {}) => {
    const init = { headers: { authorization: `Bearer ${token}`, ...headers } }
    const answer = await api.app.request('/api/v1/me', init, at(address))
    return [answer.status, answer.headers.get('retry-after')]
  }
  const fail = async (address: string, times: number) => {
    for (let n = 0; n < times; n++) await ask(`dd_${'x'.repeat(43)}`, address)
  }

  test('with tokens that are none make an address wait, but not those that were good before', async () => {
    const known = await api.person('member')
    const late = await api.person('member')
    expect(await ask(known.token, '192.0.2.1')).toEqual([200, null])
    await fail('192.0.2.1', 100)
    expect(await ask(`dd_${'y'.repeat(43)}`, '192.0.2.1')).toEqual([429, expect.stringMatching(/^\d+$/)])
    expect(await ask(late.token, '::ffff:192.0.2.1')).toEqual([429, expect.stringMatching(/^\d+$/)])
    expect(await ask(known.token, '192.0.2.1')).toEqual([200, null])
    expect(await ask(late.token, '192.0.2.2')).toEqual([200, null])
    // Nobody is trusted here: what is in the header changes nothing.
    expect((await ask(`dd_${'y'.repeat(43)}`, '192.0.2.1', { 'x-forwarded-for': '198.51.100.1' }))[0]).toBe(429)
  })

  test('to sign in make an address wait, and a person', async () => {
    const come = async (address: string) => {
      const headers = { origin: 'http://localhost', authorization: `Bearer ${person.token}` }
      return (await api.app.request('/auth/session', { method: 'POST', headers }, at(address))).status
    }
    // One session was made before.
    const ofPerson = []
    for (let n = 0; n < 20; n++) ofPerson.push(await come(`198.51.100.${n}`))
    expect(ofPerson).toEqual([...Array.from({ length: 19 }, () => 201), 429])
    const ofAddress = []
    for (let n = 0; n < 61; n++) {
      const answer = await api.app.request('/auth/sign-in/none', {}, at('203.0.113.9'))
      ofAddress.push(answer.status)
    }
    expect([ofAddress.at(59), ofAddress.at(60)]).toEqual([404, 429])
  })
})

test('administrators list and revoke the tokens of a service account within their own rights', async () => {
  const [owner, admin, member] = await Promise.all((['owner', 'admin', 'member'] as const).map((r) => api.person(r)))
  if (!owner || !admin || !member) return expect.unreachable()
  const { json } = await admin.call<{ id: string }>('POST', '/users', { kind: 'service', name: 'ci', role: 'member' })
  const body = { name: 'deploy', permissions: ['cloud.use'] }
  const made = await admin.call<{ id: string; token: string }>('POST', `/users/${json.id}/tokens`, body)
  const listed = await admin.call<{ data: object[] }>('GET', `/users/${json.id}/tokens`)
  expect(listed.json.data).toMatchObject([{ id: made.json.id, name: 'deploy', permissions: ['cloud.use'] }])
  expect(listed.text).not.toContain(made.json.token)
  expect((await admin.call('DELETE', `/users/${owner.userId}/tokens/${made.json.id}`)).status).toBe(403)
  expect((await admin.call('DELETE', `/users/${member.userId}/tokens/${made.json.id}`)).status).toBe(404)
  expect((await admin.call('DELETE', `/users/${json.id}/tokens/${made.json.id}`)).status).toBe(204)
  const headers = { authorization: `Bearer ${made.json.token}` }
  expect((await api.app.request('/api/v1/me', { headers })).status).toBe(401)
})

test('nothing of this was a fault of the server', () => expect(api.errors).toEqual([]))
