import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eq } from 'drizzle-orm'
import type { Permission } from '../../../domain/access/permissions.ts'
import { users } from '../../../domain/schema.ts'
import { environmentGroups } from '../../../domain/schema/access.ts'
import { callWith, testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedGroup, seedUser } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

type Made = { id: string; permissions: string[]; code?: string }
const db = () => api.database.db
const FORBIDDEN = [403, '403 - Unauthorized. Contact your administrator for access.']
const PERSON = { kind: 'person', name: 'New', email: 'new@example.test' }
let made = 0
const fresh = () => `n${++made}`

/** Somebody who manages members, with few rights beside that. */
async function steward(...more: Permission[]) {
  const person = await api.person('member')
  await seedGroup(db(), { members: [person.userId], permissions: ['members.manage', ...more] })
  return person
}

test('GET /me says who asks, with all that they may do and from where', async () => {
  const person = await api.person('member', ['read'])
  const groupId = await seedGroup(db(), { name: 'me-group', members: [person.userId], permissions: ['audit.read'] })
  const { status, json } = await person.call('GET', '/me')
  expect(status).toBe(200)
  expect(json).toEqual({
    ...{ id: person.userId, name: 'Ada', email: 'ada@example.test', emailVerified: false, kind: 'person' },
    ...{ role: 'member', permissions: ['cloud.use', 'local.use', 'audit.read'], roles: [], scopes: ['read'] },
    groups: [{ id: groupId, name: 'me-group' }],
  })
})

test('a role given to a group reaches its members at once, and leaves them with the role, the group or the membership', async () => {
  const admin = await api.person('admin')
  const person = await api.person('viewer')
  const group = (await admin.call<Made>('POST', '/groups', { name: fresh() })).json.id
  const role = (await admin.call<Made>('POST', '/roles', { name: fresh(), permissions: ['settings.manage'] })).json.id
  const may = async () => (await person.call('GET', '/settings')).status === 200
  const steps: [string, string, boolean][] = [
    ['PUT', `/groups/${group}/members/${person.userId}`, false],
    ['PUT', `/roles/${role}/groups/${group}`, true],
    ['PUT', `/roles/${role}/groups/${group}`, true],
    ['DELETE', `/groups/${group}/members/${person.userId}`, false],
    ['PUT', `/groups/${group}/members/${person.userId}`, true],
    ['DELETE', `/roles/${role}/groups/${group}`, false],
    ['PUT', `/roles/${role}/users/${person.userId}`, true],
    ['DELETE', `/groups/${group}`, true],
    ['DELETE', `/roles/${role}`, false],
  ]
  for (const [method, path, expected] of steps) {
    expect((await admin.call(method, path)).status).toBeLessThan(300)
    expect(await may(), `${method} ${path}`).toBe(expected)
  }
})

test('a change of a role reaches everybody who has it', async () => {
  const admin = await api.person('admin')
  const person = await api.person('viewer')
  const role = (await admin.call<Made>('POST', '/roles', { name: fresh(), permissions: [] })).json.id
  await admin.call('PUT', `/roles/${role}/users/${person.userId}`)
  expect((await person.call('GET', '/settings')).status).toBe(403)
  await admin.call('PATCH', `/roles/${role}`, { permissions: ['settings.manage'] })
  expect((await person.call('GET', '/settings')).status).toBe(200)
})

describe('nobody gives more than they have', () => {
  test('an admin makes no owner and touches none', async () => {
    const admin = await api.person('admin')
    const owner = await api.person('owner')
    const member = await api.person('member')
    const refused = [
      await admin.call('POST', '/users', { ...PERSON, role: 'owner' }),
      await admin.call('PATCH', `/users/${member.userId}`, { role: 'owner' }),
      await admin.call('PATCH', `/users/${admin.userId}`, { role: 'owner' }),
      await admin.call('PATCH', `/users/${owner.userId}`, { role: 'member' }),
      await admin.call('PATCH', `/users/${owner.userId}`, { disabled: true }),
    ]
    expect(refused.map(({ status, json }) => [status, json.detail])).toEqual(Array(5).fill(FORBIDDEN))
    expect((await owner.call('PATCH', `/users/${member.userId}`, { role: 'owner' })).status).toBe(200)
  })

  test('who manages members gives what they have, and no more', async () => {
    const { call, userId } = await steward('audit.read')
    const [admin, other] = [await seedUser(db(), { role: 'admin' }), await seedUser(db(), { role: 'viewer' })]
    const above = (
      await (
        await api.person('admin')
      ).call<Made>('POST', '/roles', {
        ...{ name: fresh(), permissions: ['settings.manage'] },
      })
    ).json.id
    const strong = await seedGroup(db(), { permissions: ['environments.admin'] })
    const own = (await call<Made>('POST', '/roles', { name: fresh(), permissions: ['audit.read'] })).json.id
    const refused: [string, string, object?][] = [
      ['POST', '/users', { ...PERSON, role: 'admin' }],
      ['PATCH', `/users/${userId}`, { role: 'admin' }],
      ['PATCH', `/users/${admin}`, { role: 'viewer' }],
      ['PATCH', `/users/${admin}`, { disabled: true }],
      ['POST', '/roles', { name: fresh(), permissions: ['audit.read', 'settings.manage'] }],
      ['PATCH', `/roles/${own}`, { permissions: ['settings.manage'] }],
      ['PATCH', `/roles/${above}`, { permissions: [] }],
      ['DELETE', `/roles/${above}`],
      ['PUT', `/roles/${above}/users/${userId}`],
      ['PUT', `/roles/${above}/groups/${strong}`],
      ['PUT', `/roles/${own}/users/${admin}`],
      ['PUT', `/groups/${strong}/members/${userId}`],
      ['DELETE', `/groups/${strong}`],
    ]
    for (const [method, path, body] of refused) {
      const { status, json } = await call(method, path, body)
      expect([status, json.detail], `${method} ${path}`).toEqual(FORBIDDEN)
    }
    expect((await call('POST', '/users', { ...PERSON, role: 'member' })).status).toBe(201)
    expect((await call('PUT', `/roles/${own}/users/${other}`)).status).toBe(204)
    expect((await call('PATCH', `/users/${other}`, { role: 'member', disabled: true })).status).toBe(200)
  })

  test('who may not use an environment lets nobody into the group that may', async () => {
    const { call, userId } = await steward()
    const groupId = await seedGroup(db())
    const environmentId = await seedEnvironment(db(), { visibility: 'groups' })
    expect((await call('PUT', `/groups/${groupId}/members/${await seedUser(db())}`)).status).toBe(200)
    await db().insert(environmentGroups).values({ environmentId, groupId })
    expect((await call('PUT', `/groups/${groupId}/members/${userId}`)).status).toBe(403)
    expect((await (await api.person('admin')).call('PUT', `/groups/${groupId}/members/${userId}`)).status).toBe(200)
    expect((await call('PUT', `/groups/${groupId}/members/${await seedUser(db())}`)).status).toBe(200)
  })

  test('a token for a service account is for who has all that it may do, and only for a service account', async () => {
    const { call } = await steward()
    const admin = await api.person('admin')
    const strong = (await admin.call<Made>('POST', '/users', { kind: 'service', name: 'ci', role: 'admin' })).json.id
    const plain = (await call<Made>('POST', '/users', { kind: 'service', name: 'bot', role: 'member' })).json.id
    const token = { name: 'ci', scopes: ['read', 'write'] }
    expect((await call('POST', `/users/${strong}/tokens`, token)).status).toBe(403)
    const { status, json } = await call<{ token: string }>('POST', `/users/${plain}/tokens`, token)
    expect(status).toBe(201)
    const bot = callWith(api.app, json.token)
    expect((await bot('GET', '/me')).json).toMatchObject({ id: plain, kind: 'service', email: '' })
    const person = await admin.call('POST', `/users/${await seedUser(db())}/tokens`, token)
    expect([person.status, person.json.code]).toEqual([422, 'invalid-request'])
    expect((await call('PATCH', `/users/${plain}`, { disabled: true })).status).toBe(200)
    expect((await bot('GET', '/me')).status).toBe(401)
    expect((await call('PATCH', `/users/${plain}`, { disabled: false })).status).toBe(200)
    expect((await bot('GET', '/me')).status).toBe(200)
  })
})

test('the last owner stays, also when two lay it down at once', async () => {
  await using other = await testApi()
  const [ada, ben] = [await other.person('owner'), await other.person('owner')]
  await seedUser(other.database.db, { role: 'owner', kind: 'service' })
  await seedUser(other.database.db, { role: 'owner', disabledAt: new Date() })
  const demote = (who: typeof ada) => who.call('PATCH', `/users/${who.userId}`, { role: 'member' })
  const answers = await Promise.all([demote(ada), demote(ben)])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
  const [left] = await other.database.db.select().from(users).where(eq(users.id, ada.userId))
  const last = left?.role === 'owner' ? ada : ben
  for (const change of [{ role: 'admin' }, { disabled: true }]) {
    const { status, json } = await last.call('PATCH', `/users/${last.userId}`, change)
    expect([status, json.code]).toEqual([409, 'last-owner'])
  }
  expect((await last.call('PATCH', `/users/${last.userId}`, { name: 'Still here' })).status).toBe(200)
  expect(other.errors).toEqual([])
})

test('names of groups and roles are taken once', async () => {
  const admin = await api.person('admin')
  for (const [path, body] of [
    ['/groups', { name: fresh() }],
    ['/roles', { name: fresh(), permissions: [] }],
  ] as const) {
    expect((await admin.call('POST', path, body)).status).toBe(201)
    expect((await admin.call('POST', path, body)).json.code).toBe('name-taken')
  }
})

test('GET /groups shows the own groups, and all to who manages members', async () => {
  const person = await api.person('member')
  const [own, foreign] = [await seedGroup(db(), { members: [person.userId] }), await seedGroup(db())]
  const seen = async (call: typeof person.call) => (await call<{ data: Made[] }>('GET', '/groups')).json.data
  expect((await seen(person.call)).map(({ id }) => id)).toEqual([own])
  const all = (await seen((await steward()).call)).map(({ id }) => id)
  expect(all).toEqual(expect.arrayContaining([own, foreign]))
})

test.each([
  { ...PERSON, role: 'root' },
  { ...PERSON, email: 'no address', role: 'member' },
  { kind: 'service', name: 'x', role: 'owner' },
  { kind: 'service', name: 'x', role: 'member', email: 'a@example.test' },
  { ...PERSON, role: 'member', emailVerified: true },
])('POST /users answers 422 for %j', async (body) => {
  const owner = await api.person('owner')
  expect((await owner.call('POST', '/users', body)).status).toBe(422)
})
