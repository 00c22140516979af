import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { COMMANDS } from '../../../bin/commands.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { fakeWorld, noInput } from '../../cli/fakes.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedUser } from '../../support/seed.ts'

let api: TestApi
let token: string
beforeAll(async () => {
  api = await testApi({ keyring: parseKeyring([randomBytes(32).toString('base64')]) })
  token = (await api.person('owner')).token
  await seedUser(api.database.db, { name: 'Bob', email: 'bob@example.test', role: 'member' })
})
afterAll(() => api[Symbol.asyncDispose]())

/** What a command prints for programs, with the api behind it. */
async function drydock<T = Record<string, unknown>>(name: string, ...argv: string[]): Promise<T> {
  const config = { url: new URL('http://localhost'), token, tokenFile: '' }
  const world = fakeWorld(
    {},
    {
      config: () => config,
      fetch: ((url: URL, init: RequestInit) => api.app.request(url.href, init)) as typeof fetch,
      stdin: noInput({ read: async () => 'client secret' }),
    },
  )
  const command = await COMMANDS[name]?.load()
  expect(await command?.run([...argv, '--json'], world.context)).toBe(0)
  return JSON.parse(world.out()) as T
}

const bob = async () => {
  const { data } = await drydock<{ data: { email: string }[] }>('user list')
  return data.find(({ email }) => email === 'bob@example.test')
}

test('groups and roles come to people, and go', async () => {
  await drydock('group create', 'dev', '--description', 'Makers')
  await drydock('role create', 'auditors', '--permission', 'audit.read')
  expect(await drydock('group add', 'dev', 'bob@example.test')).toMatchObject({ members: [{ name: 'Bob' }] })
  await drydock('role grant', 'auditors', '--group', 'dev')
  const withIt = { groups: [{ name: 'dev' }], permissions: expect.arrayContaining(['audit.read']) as unknown }
  expect(await bob()).toMatchObject(withIt)
  expect(await drydock('role set', 'auditors', '--permission', 'analytics.read')).toMatchObject({
    permissions: ['analytics.read'],
  })
  expect(await bob()).toMatchObject({ permissions: expect.not.arrayContaining(['audit.read']) as unknown })
  await drydock('role revoke', 'auditors', '--group', 'dev')
  await drydock('role grant', 'auditors', '--user', 'Bob')
  expect(await bob()).toMatchObject({ roles: [{ name: 'auditors' }] })
  await drydock('role revoke', 'auditors', '--user', 'Bob')
  await drydock('group remove', 'dev', 'Bob')
  await drydock('role delete', 'auditors')
  expect(await bob()).toMatchObject({ roles: [], groups: [] })
  expect(await drydock('role list')).toEqual({ data: [] })
  expect(await drydock('user set', 'Bob', '--role', 'admin')).toMatchObject({ role: 'admin' })
  expect(await drydock('user disable', 'Bob')).toMatchObject({ disabled: true })
  expect(await drydock('user set', 'Bob', '--enable')).toMatchObject({ disabled: false, role: 'admin' })
})

test('an environment is shared and taken back', async () => {
  await seedEnvironment(api.database.db, { name: 'shop', visibility: 'private' })
  await drydock('group create', 'ops')
  await drydock('env share', 'shop', '--group', 'ops', '--collaborator', 'Bob@example.test')
  expect(await drydock('env access', 'shop')).toMatchObject({
    ...{ name: 'shop', visibility: 'groups', groups: [{ name: 'ops' }], collaborators: ['bob@example.test'] },
  })
  await drydock('env unshare', 'shop', '--group', 'ops')
  expect(await drydock('env access', 'shop')).toMatchObject({ visibility: 'groups', groups: [] })
  await drydock('env unshare', 'shop', '--all')
  expect(await drydock('env access', 'shop')).toMatchObject({ visibility: 'private', collaborators: [] })
  await drydock('group delete', 'ops')
})

test('a sign-in provider is added, changed and removed', async () => {
  await drydock('group create', 'staff')
  const flags = ['--issuer', 'https://id.test', '--client-id', 'drydock', '--secret-file', '-']
  const groups = ['--group-claim', 'realm_access.roles', '--group', 'employees=staff']
  expect(await drydock('sign-in add', 'company', ...flags, ...groups)).toMatchObject({
    ...{ hasSecret: true, groupClaim: 'realm_access.roles', groups: [{ value: 'employees' }], enabled: true },
  })
  expect(await drydock('sign-in set', 'company', '--secret-file', '', '--group', '', '--disable')).toMatchObject({
    ...{ hasSecret: false, groups: [], enabled: false, groupClaim: 'realm_access.roles' },
  })
  await drydock('sign-in remove', 'company')
  expect(await drydock('sign-in list')).toEqual({ data: [] })
})

test('nothing of this was a fault of the server', () => expect(api.errors).toEqual([]))
