import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createToken } from '../../../domain/access/tokens.ts'
import { SERVER } from '../../../domain/audit/actions.ts'
import { deviceCodes } from '../../../domain/schema/device-codes.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { allEntries } from '../../support/audit.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { Browser } from '../../support/browser.ts'
import { CLIENT, startIssuer } from '../../support/issuer.ts'
import type { Issuer } from '../../support/issuer.ts'

type Device = { device_code: string; user_code: string; verification_uri: string; expires_in: number; interval: number }
type Person = Awaited<ReturnType<TestApi['person']>>

let api: TestApi
let issuer: Issuer
beforeAll(async () => {
  const keyring = parseKeyring([randomBytes(32).toString('base64')])
  api = await testApi({ keyring, loopbackIssuers: true })
  issuer = await startIssuer(['http://localhost/auth/callback/main'])
  const provider = { ...CLIENT, name: 'main', displayName: 'Main & Co', issuer: issuer.url }
  expect((await (await api.person('owner')).call('POST', '/sign-in-providers', provider)).status).toBe(201)
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

let person: Person
let browser: Browser
beforeEach(async () => {
  person = await api.person('member')
  browser = await signedIn(person.token)
})

async function signedIn(token: string): Promise<Browser> {
  const made = new Browser(api.app)
  expect((await made.send('POST', '/auth/session', { body: { token } })).status).toBe(201)
  return made
}

const at = { incoming: { socket: { remoteAddress: '192.0.2.7' } } }
async function post(path: string, body: unknown) {
  const headers = { 'content-type': 'application/json' }
  const answer = await api.app.request(path, { method: 'POST', headers, body: JSON.stringify(body) }, at)
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}
const begin = async (ask: object = {}) => (await post('/auth/device', { client: 'CLI on box', ...ask })).json as Device
const redeem = ({ device_code }: Device) => post('/auth/device/token', { device_code })
const codeOf = async (device: Device) => (await redeem(device)).json['code']

const press = (device: Device, path = '/device/confirm', headers: Record<string, string> = {}) =>
  browser.send('POST', path, { form: { user_code: device.user_code }, headers })

test('a person signs in with their issuer, sees who asks, says yes, and the program has a token of theirs', async () => {
  const device = await begin()
  expect(device).toMatchObject({ verification_uri: 'http://localhost/device', expires_in: 600, interval: 5 })
  expect(device.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
  expect((await redeem(device)).json).toMatchObject({ code: 'authorization-pending', status: 400 })

  browser = new Browser(api.app)
  const signIn = await (await browser.send('GET', '/device')).text()
  expect(signIn).toContain('<a href="/auth/sign-in/main?return=/device">Sign in with Main &amp; Co</a>')
  issuer.people.set('ada', { name: 'Ada', email: 'ada@example.test', email_verified: true })
  await browser.signIn(issuer, 'ada')
  expect(await (await browser.send('GET', '/device')).text()).toContain('You are Ada &lt;ada@example.test&gt;')
  const page = await (await press({ ...device, user_code: device.user_code.toLowerCase() }, '/device')).text()
  for (const shown of [device.user_code, 'CLI on box', '192.0.2.7', 'start and change tasks as you']) {
    expect(page).toContain(shown)
  }
  expect(await codeOf(device)).toBe('authorization-pending')
  expect(await (await press(device)).text()).toContain('Connected')

  const { status, json } = await redeem(device)
  expect([status, json]).toMatchObject([201, { name: 'CLI on box', scopes: ['read', 'write'], permissions: null }])
  const days = (Date.parse(String(json['expiresAt'])) - Date.now()) / 86_400_000
  expect(Math.round(days)).toBe(90)
  const headers = { authorization: `Bearer ${String(json['token'])}` }
  expect(await (await api.app.request('/api/v1/me', { headers })).json()).toMatchObject({
    id: (await browser.me()).json['id'],
    scopes: ['read', 'write'],
  })
  // Once.
  expect(await codeOf(device)).toBe('device-code-expired')
  const acts = (await allEntries(api.database.db))
    .slice(-2)
    .map(({ action, via, actorName }) => [action, via, actorName])
  expect(acts).toEqual([
    ['device.confirm', 'session', 'Ada'],
    ['token.create', 'session', 'Ada'],
  ])
})

test('a person says no', async () => {
  const device = await begin()
  expect(await (await press(device, '/device/deny')).text()).toContain('Refused')
  expect(await codeOf(device)).toBe('access-denied')
  expect(await codeOf(device)).toBe('device-code-expired')
})

test('of two people the first decides, and a code that is over is nobody’s', async () => {
  const [device, late] = [await begin(), await begin()]
  await press(device)
  const first = await browser.me()
  browser = await signedIn((await api.person('owner')).token)
  for (const path of ['/device', '/device/confirm', '/device/deny']) {
    expect(await (await press(device, path)).text()).toContain('No program waits for this code')
  }
  const headers = { authorization: `Bearer ${String((await redeem(device)).json['token'])}` }
  expect(await (await api.app.request('/api/v1/me', { headers })).json()).toMatchObject({ id: first.json['id'] })
  await api.database.db.execute(sql`update device_codes set expires_at = now()`)
  expect(await (await press(late)).text()).toContain('No program waits for this code')
  expect(await codeOf(late)).toBe('device-code-expired')
})

test.each([
  ['signs out', () => browser.send('POST', '/auth/sign-out')],
  ['is disabled', () => api.database.db.execute(sql`update users set disabled_at = now() where id = ${person.userId}`)],
  [
    'loses the token',
    () =>
      api.database.db.execute(sql`update api_tokens set revoked_at = now()
    where user_id = ${person.userId}`),
  ],
])('a program gets nothing of who %s after saying yes', async (_, end) => {
  const device = await begin()
  await press(device)
  await end()
  expect(await codeOf(device)).toBe('device-code-expired')
})

test('a program gets no more than the session has, and no longer', async () => {
  const expiresAt = new Date(Date.now() + 60_000)
  const limits = { scopes: ['read', 'write'] as const, permissions: ['cloud.use'] as const, expiresAt }
  const { userId } = person
  const { token } = await createToken(api.database.db, { by: SERVER, userId, name: 'limited', ...limits })
  browser = await signedIn(token)
  const device = await begin({ scopes: ['write', 'admin'] })
  expect(await (await press(device, '/device')).text()).toContain('of your permissions only cloud.use')
  await press(device)
  expect((await redeem(device)).json).toMatchObject({
    ...{ scopes: ['write'], permissions: ['cloud.use'], expiresAt: expiresAt.toISOString() },
  })
})

describe('nobody says yes', () => {
  const problemOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code]

  test.each(['/device', '/device/confirm', '/device/deny'])(
    'POST %s from another page or without one',
    async (path) => {
      const device = await begin()
      for (const headers of [{ origin: 'https://evil.test' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
        expect(await problemOf(await press(device, path, headers as Record<string, string>))).toEqual([
          403,
          'foreign-origin',
        ])
      }
      browser = new Browser(api.app)
      expect(await problemOf(await press(device, path))).toEqual([401, 'unauthorized'])
      expect(await codeOf(device)).toBe('authorization-pending')
    },
  )

  test('with a token, or a session that only reads', async () => {
    const device = await begin()
    const authorization = `Bearer ${person.token}`
    expect(await problemOf(await press(device, '/device/confirm', { authorization }))).toEqual([403, 'forbidden'])
    browser = await signedIn((await api.person('owner', ['read'])).token)
    expect(await problemOf(await press(device))).toEqual([403, 'forbidden'])
  })

  test('who signed in long ago', async () => {
    await api.database.db.execute(sql`update sessions set created_at = now() - interval '15 minutes'`)
    const device = await begin()
    expect(await problemOf(await press(device))).toEqual([403, 'sign-in-too-old'])
    expect(await (await browser.send('GET', '/device')).text()).toContain('Sign in with')
  })

  test('who guesses', async () => {
    const statuses = []
    for (let n = 0; n < 21; n++) statuses.push((await press(await guess())).status)
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 429])
  })
  const guess = async () => ({ ...(await begin()), user_code: 'BBBB-BBBB' })
})

test('a program that asks without a pause has to wait', async () => {
  const device = await begin()
  for (let n = 0; n < 120; n++) await redeem(device)
  expect((await redeem(device)).status).toBe(429)
})

test('neither code is in the database, and what a program calls itself is no markup', async () => {
  const device = await begin({ client: '<script>alert(1)</script>' })
  const rows = JSON.stringify(await api.database.db.select().from(deviceCodes))
  expect(rows).toContain('alert(1)')
  for (const secret of [device.device_code, device.user_code, device.user_code.replace('-', '')]) {
    expect(rows).not.toContain(secret)
  }
  const page = await (await press(device, '/device')).text()
  expect(page).toContain('&lt;script&gt;alert(1)')
  expect(page).not.toContain('<script')
  const echo = await (await press({ ...device, user_code: '"><b>' }, '/device')).text()
  expect(echo).not.toContain('<b>')
})

test('a page has a policy of its own, under which browsers show its style and say whose form it is', async () => {
  const answer = await browser.send('GET', '/device')
  const [, style = ''] = /<style>(.*)<\/style>/s.exec(await answer.text()) ?? []
  const hash = createHash('sha256').update(style).digest('base64')
  expect(answer.headers.get('content-security-policy')).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  )
  expect(answer.headers.get('referrer-policy')).toBe('same-origin')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect((await browser.send('GET', '/api/v1/me')).headers.get('referrer-policy')).toBe('no-referrer')
})

test('nothing of this was a fault of the server', () => expect(api.errors).toEqual([]))

test('what goes wrong in a browser is a page with the same sentence; programs get the document', async () => {
  const stranger = new Browser(api.app)
  const form = { user_code: 'BCDF-GHJK' }
  const refused = await stranger.send('POST', '/device', { form, headers: { accept: 'text/html,*/*;q=0.8' } })
  expect([refused.status, refused.headers.get('content-type')]).toEqual([401, 'text/html; charset=UTF-8'])
  expect(await refused.text()).toContain('<a href="/device">Begin again</a>')
  const strange = await stranger.send('GET', `/auth/sign-in/${encodeURIComponent('<b>')}`, {
    headers: { accept: 'text/html' },
  })
  expect(strange.status).toBeGreaterThanOrEqual(400)
  expect(await strange.text()).not.toContain('<b>')
  const told = await stranger.send('POST', '/device', { form })
  expect([told.status, told.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
})
