import { randomBytes } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasCode } from '../../../domain/errors.ts'
import { users } from '../../../domain/schema.ts'
import { groupMembers } from '../../../domain/schema/access.ts'
import { identities, sessions, signInAttempts } from '../../../domain/schema/sign-in.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { Browser } from '../../support/browser.ts'
import { CLIENT, startIssuer } from '../../support/issuer.ts'
import type { Issuer } from '../../support/issuer.ts'
import { seedGroup } from '../../support/seed.ts'

let api: TestApi
let issuer: Issuer
let other: Issuer
let call: Call
let groupIds: Record<'eng' | 'ops' | 'hand', string>
beforeAll(async () => {
  const keyring = parseKeyring([randomBytes(32).toString('base64')])
  api = await testApi({ keyring, loopbackIssuers: true })
  const uris = ['main', 'strict', 'nested'].map((name) => `http://localhost/auth/callback/${name}`)
  issuer = await startIssuer(uris)
  other = await startIssuer(['http://localhost/auth/callback/other'])
  call = (await api.person('owner')).call
  const { db } = api.database
  groupIds = { eng: await seedGroup(db), ops: await seedGroup(db), hand: await seedGroup(db) }
  const groups = [
    { value: 'engineers', groupId: groupIds.eng },
    { value: 'operators', groupId: groupIds.ops },
  ]
  const scopes = ['openid', 'profile', 'email', 'groups']
  const rows = [
    { name: 'main', issuer: issuer.url, groupClaim: 'groups', groups, scopes },
    { name: 'strict', issuer: issuer.url, emailDomains: ['example.test'] },
    { name: 'nested', issuer: issuer.url, groupClaim: 'groups.access.roles', groups, scopes },
    { name: 'other', issuer: other.url },
  ]
  for (const row of rows)
    expect((await call('POST', '/sign-in-providers', { ...CLIENT, ...row })).text).not.toContain(CLIENT.clientSecret)
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

let account = ''
let made = 0
let browser: Browser
beforeEach(() => {
  account = `account-${++made}`
  browser = new Browser(api.app)
  issuer.people.set(account, { name: 'Ada', email: `${account}@example.test`, email_verified: true })
})

const problem = async (response: Response) => ((await response.json()) as { code: string }).code
const person = async (iss = issuer.url) => {
  const { db } = api.database
  const rows = await db.select().from(users).innerJoin(identities, eq(identities.userId, users.id))
  return rows.find(({ identities: i }) => i.issuer === iss && i.subject === account)?.users
}

test('a person signs in, is made with the role of new people, and goes where they wanted to', async () => {
  const begun = await browser.send('GET', '/auth/sign-in/main?return=/tasks/1%3Fa=b')
  const to = new URL(begun.headers.get('location') ?? '')
  expect(begun.status).toBe(302)
  expect(Object.fromEntries(to.searchParams)).toMatchObject({
    ...{ response_type: 'code', client_id: 'drydock', code_challenge_method: 'S256' },
    ...{ redirect_uri: 'http://localhost/auth/callback/main', scope: 'openid profile email groups' },
    ...{ state: expect.stringMatching(/.{43}/), nonce: expect.stringMatching(/.{43}/) },
  })
  const back = await issuer.visit(to.href, account)
  const answer = await browser.send('GET', back.pathname + back.search)
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/tasks/1?a=b'])
  const flags = answer.headers.getSetCookie().map((line) => line.replace(/=[^;]{43};/, '=…;'))
  expect(flags).toEqual([
    '__Host-drydock-sign-in=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax',
    '__Host-drydock=…; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax',
  ])
  const { status, json } = await browser.me()
  expect([status, json]).toMatchObject([
    200,
    { name: 'Ada', email: `${account}@example.test`, emailVerified: true, role: 'member', kind: 'person' },
  ])
})

test('the same person signs in again, with a session of its own that takes the place of the browser’s', async () => {
  await browser.signIn(issuer, account)
  const [first, { json }] = [browser.cookies.get('__Host-drydock') ?? '', await browser.me()]
  await browser.signIn(issuer, account)
  expect(browser.cookies.get('__Host-drydock')).not.toBe(first)
  expect((await browser.me()).json['id']).toBe(json['id'])
  browser.cookies.set('__Host-drydock', first)
  expect((await browser.me()).status).toBe(401)
})

test('nothing of a secret is in the database', async () => {
  await browser.send('GET', '/auth/sign-in/main')
  await browser.signIn(issuer, account)
  const secret = browser.cookies.get('__Host-drydock') ?? expect.unreachable()
  for (const table of [sessions, signInAttempts]) {
    expect(JSON.stringify(await api.database.db.select().from(table))).not.toContain(secret)
  }
})

describe('a sign-in is refused', () => {
  const refused: [string, string, (back: URL) => Promise<Response>][] = [
    ['with another state', 'sign-in-expired', (back) => (back.searchParams.set('state', 'x'.repeat(43)), come(back))],
    ['without a state', 'sign-in-expired', (back) => (back.searchParams.delete('state'), come(back))],
    ['with another code', 'sign-in-refused', (back) => (back.searchParams.set('code', 'x'), come(back))],
    ['with the word of another issuer', 'sign-in-refused', (b) => (b.searchParams.set('iss', other.url), come(b))],
    ['at another provider than it began', 'sign-in-expired', (back) => come(back, '/auth/callback/strict')],
    ['without the cookie that it began with', 'sign-in-expired', (back) => (browser.cookies.clear(), come(back))],
    [
      'with two cookies of the name',
      'sign-in-expired',
      (back) => (browser.cookies.set('a', `b; __Host-drydock-sign-in=${'x'.repeat(43)}`), come(back)),
    ],
    ['when it was there before', 'sign-in-expired', async (back) => (await come(back), resend(back))],
    [
      'after ten minutes',
      'sign-in-expired',
      async (back) => {
        await api.database.db.update(signInAttempts).set({ expiresAt: sql`expires_at - interval '10 minutes'` })
        return come(back)
      },
    ],
  ]
  const come = (back: URL, path = back.pathname) => browser.send('GET', path + back.search)
  let kept = ''
  const resend = (back: URL) => {
    browser.cookies.delete('__Host-drydock')
    browser.cookies.set('__Host-drydock-sign-in', kept)
    return come(back)
  }

  test.each(refused)('%s', async (_, code, act) => {
    const back = await browser.visit(issuer, account)
    kept = browser.cookies.get('__Host-drydock-sign-in') ?? ''
    const answer = await act(back)
    expect(await problem(answer)).toBe(code)
    expect(browser.cookies.has('__Host-drydock')).toBe(false)
    expect(answer.headers.getSetCookie()).toEqual([expect.stringContaining('__Host-drydock-sign-in=; Max-Age=0')])
  })

  test.each([
    ['nonce', (url: URL) => (url.searchParams.set('nonce', 'x'.repeat(43)), url)],
    ['challenge', (url: URL) => (url.searchParams.set('code_challenge', 'x'.repeat(43)), url)],
  ])('with another %s', async (_, change) => {
    const back = await browser.visit(issuer, account, { change })
    expect(await problem(await come(back))).toBe('sign-in-refused')
    expect(await person()).toBeUndefined()
  })

  test('for who is disabled, whose sessions are over for good', async () => {
    await browser.signIn(issuer, account)
    const id = (await person())?.id ?? ''
    await call('PATCH', `/users/${id}`, { disabled: true })
    const late = await browser.visit(issuer, account)
    expect(await problem(await come(late))).toBe('sign-in-refused')
    await call('PATCH', `/users/${id}`, { disabled: false })
    expect((await browser.me()).status).toBe(401)
  })

  test('where the provider is turned off', async () => {
    const back = await browser.visit(other, account, { provider: 'other' })
    await call('PATCH', '/sign-in-providers/other', { enabled: false })
    expect(await problem(await come(back))).toBe('sign-in-provider-not-found')
    expect(await (await browser.send('GET', '/auth/providers')).json()).toEqual({
      data: [
        { id: 'main', name: 'main' },
        { id: 'nested', name: 'nested' },
        { id: 'strict', name: 'strict' },
      ],
    })
    await call('PATCH', '/sign-in-providers/other', { enabled: true })
  })

  test('where the issuer does not answer', async () => {
    const name = `gone-${made}`
    await call('POST', '/sign-in-providers', { ...CLIENT, name, issuer: 'http://127.0.0.1:1' })
    const answer = await browser.send('GET', `/auth/sign-in/${name}`)
    expect([answer.status, await problem(answer)]).toEqual([502, 'sign-in-unavailable'])
    await call('DELETE', `/sign-in-providers/${name}`)
  })
})

describe('an e-mail', () => {
  test.each([
    ['false', { email_verified: false }],
    ['"true"', { email_verified: 'true' }],
    ['absent', {}],
  ])('whose email_verified is %s says nothing of who somebody is', async (_, claims) => {
    issuer.people.set(account, { email: `${account}@example.test`, ...claims })
    expect(await problem(await browser.signIn(issuer, account, 'strict'))).toBe('sign-in-refused')
    await browser.signIn(issuer, account)
    expect((await browser.me()).json).toMatchObject({ email: '', emailVerified: false })
  })

  test('that is no longer verified counts no longer', async () => {
    await browser.signIn(issuer, account)
    issuer.people.set(account, { email: `${account}@example.test` })
    await browser.signIn(issuer, account)
    expect((await browser.me()).json).toMatchObject({ emailVerified: false })
  })

  test.each(['evil.test', 'example.test.evil.test', 'notexample.test'])('of %s is not let in', async (domain) => {
    issuer.people.set(account, { email: `ada@${domain}`, email_verified: true })
    expect(await problem(await browser.signIn(issuer, account, 'strict'))).toBe('sign-in-refused')
    expect(await person()).toBeUndefined()
  })

  test('is nobody: the same subject and address of another issuer are another person', async () => {
    await browser.signIn(issuer, account)
    other.people.set(account, issuer.people.get(account) ?? {})
    const second = new Browser(api.app)
    await second.signIn(other, account, 'other')
    expect((await second.me()).json['id']).not.toBe((await browser.me()).json['id'])
    expect((await person(other.url))?.role).toBe('member')
  })
})

test('groups that the mapping names follow the claim at each sign-in; others stay', async () => {
  const groupsOf = async () => ((await browser.me()).json['groups'] as { id: string }[]).map(({ id }) => id).toSorted()
  const claim = (groups?: unknown) => issuer.people.set(account, { groups })
  claim(['engineers', 'nobody-knows'])
  await browser.signIn(issuer, account)
  const userId = (await person())?.id ?? ''
  await api.database.db.insert(groupMembers).values({ groupId: groupIds.hand, userId })
  expect(await groupsOf()).toEqual([groupIds.eng, groupIds.hand].toSorted())
  claim('operators')
  await browser.signIn(issuer, account)
  expect(await groupsOf()).toEqual([groupIds.ops, groupIds.hand].toSorted())
  claim()
  await browser.signIn(issuer, account)
  expect(await groupsOf()).toEqual([groupIds.hand])
})

test('a claim inside another one names groups, too', async () => {
  issuer.people.set(account, { groups: { access: { roles: ['engineers'] } } })
  await browser.signIn(issuer, account, 'nested')
  expect((await browser.me()).json['groups']).toMatchObject([{ id: groupIds.eng }])
})

test.each([
  ...['https://evil.test', '//evil.test', '/\\evil.test', '\\\\evil.test', '/\t/evil.test', '/.//evil.test'],
  ...[
    'javascript:alert(1)',
    '/x\r\nset-cookie: a=b',
    'evil.test',
    '',
    '/%2e//evil.test',
    '/a/..//evil.test',
    '/auth/sign-in/main',
  ],
])('GET /auth/sign-in/main refuses to return to %j', async (path) => {
  const answer = await browser.send('GET', `/auth/sign-in/main?return=${encodeURIComponent(path)}`)
  expect([answer.status, answer.headers.getSetCookie()]).toEqual([422, []])
})

test('a provider gives nobody more than who sets it up has', async () => {
  const { db } = api.database
  const strong = await seedGroup(db, { permissions: ['environments.admin'] })
  const holder = await api.person('viewer')
  await seedGroup(db, { members: [holder.userId], permissions: ['settings.manage', 'members.manage'] })
  const row = { ...CLIENT, issuer: issuer.url, groupClaim: 'groups' }
  const asked = [
    { name: 'a1', ...row, defaultRole: 'member' },
    { name: 'a2', ...row, defaultRole: 'viewer', groups: [{ value: 'x', groupId: strong }] },
    { name: 'a3', ...row, defaultRole: 'viewer' },
  ]
  const answers = await Promise.all(asked.map((body) => holder.call('POST', '/sign-in-providers', body)))
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 201])
  // Main makes members, whatever else would be changed of it.
  expect((await holder.call('PATCH', '/sign-in-providers/main', { displayName: 'x' })).status).toBe(403)
  for (const role of ['admin', 'owner']) {
    expect((await call('POST', '/sign-in-providers', { name: 'a4', ...row, defaultRole: role })).status).toBe(422)
  }
  await call('DELETE', '/sign-in-providers/a3')
})

test('nothing of this was a fault of the server', () => {
  expect(api.errors.filter((error) => !hasCode(error, 'sign-in-unavailable'))).toEqual([])
})
