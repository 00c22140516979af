import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { users } from '../../../domain/schema.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { allEntries, verifyAll } from '../../support/audit.ts'
import { Browser } from '../../support/browser.ts'
import { CLIENT, startIssuer } from '../../support/issuer.ts'
import type { Issuer } from '../../support/issuer.ts'

const keyring = parseKeyring([randomBytes(32).toString('base64')])

let api: TestApi
let issuer: Issuer
let groupId: string
beforeAll(async () => {
  api = await testApi({ keyring, loopbackIssuers: true })
  issuer = await startIssuer(['http://localhost/auth/callback/main'])
  const { call } = await api.person('owner')
  groupId = ((await call('POST', '/groups', { name: 'crew' })).json as { id: string }).id
  const mapping = {
    scopes: ['openid', 'profile', 'email', 'groups'],
    groupClaim: 'groups',
    groups: [{ value: 'crew', groupId }],
  }
  await call('POST', '/sign-in-providers', { name: 'main', issuer: issuer.url, ...CLIENT, ...mapping })
})
afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const since = async (count: number) => (await allEntries(api.database.db)).slice(count)

test('the first sign-in writes down the person, their groups and the session, and whose word it was', async () => {
  const earlier = (await since(0)).length
  issuer.people.set('ada', { name: 'Ada', groups: ['crew'] })
  await new Browser(api.app).signIn(issuer, 'ada')
  const written = await since(earlier)
  expect(written.map(({ action, via, actorName, targetName }) => [action, via, actorName, targetName])).toEqual([
    ['user.create', 'server', 'server', 'Ada'],
    ['group.add-member', 'server', 'server', 'crew'],
    ['sign-in', 'session', 'Ada', 'Ada'],
  ])
  expect(written[0]?.after).toMatchObject({ provider: 'main', issuer: issuer.url, subject: 'ada', role: 'member' })
  expect(written[2]?.after).toMatchObject({ session: written[2]?.credentialId })
})

test('a later one writes down what changed, and a disabled person is a refusal', async () => {
  issuer.people.set('bob', { name: 'Bob', groups: ['crew'] })
  await new Browser(api.app).signIn(issuer, 'bob')
  issuer.people.set('bob', { name: 'Bob', groups: [] })
  const earlier = (await since(0)).length
  await new Browser(api.app).signIn(issuer, 'bob')
  expect((await since(earlier)).map(({ action }) => action)).toEqual(['group.remove-member', 'sign-in'])
  await api.database.db.update(users).set({ disabledAt: new Date() }).where(eq(users.name, 'Bob'))
  await new Browser(api.app).signIn(issuer, 'bob')
  const last = (await since(earlier + 2)).map(({ action, after }) => ({ action, after }))
  expect(last).toMatchObject([
    { action: 'sign-in.refused', after: { why: expect.stringContaining('disabled') as unknown } },
  ])
})

test('what anybody may try fills nothing', async () => {
  const earlier = (await since(0)).length
  const browser = new Browser(api.app)
  expect((await browser.send('GET', '/auth/callback/main?code=x&state=y')).status).toBe(400)
  expect((await browser.send('POST', '/auth/session', { body: { token: 'dd_wrong' } })).status).toBe(401)
  expect(await since(earlier)).toEqual([])
  expect((await verifyAll(api.database.db)).broken).toBeNull()
})
