import { expect, test } from 'vitest'
import { showAccess } from '../../cli/commands/env/access.ts'
import { shareEnvironment } from '../../cli/commands/env/share.ts'
import { unshareEnvironment } from '../../cli/commands/env/unshare.ts'
import { addSignIn } from '../../cli/commands/sign-in/add.ts'
import { listSignIn } from '../../cli/commands/sign-in/list.ts'
import { removeSignIn } from '../../cli/commands/sign-in/remove.ts'
import { setSignIn } from '../../cli/commands/sign-in/set.ts'
import type { Command } from '../../cli/command.ts'
import { fakeWorld, json, noInput } from './fakes.ts'

const groups = [
  { id: 'g1', name: 'dev' },
  { id: 'g2', name: 'ops' },
]
const shop = { id: 'e1', name: 'shop', visibility: 'private', groups, collaborators: ['ada@x.test'] }
const worldOf = (environment: object = shop) =>
  fakeWorld({
    'GET /environments/shop': () => json(environment),
    'PATCH /environments/shop': () => json({ ...environment, notice: 'Its secrets were cleared: S.' }),
  })

test.each<[Command, string[], unknown]>([
  [shareEnvironment, ['--group', 'qa'], { visibility: 'groups', groups: ['g1', 'g2', 'qa'] }],
  [shareEnvironment, ['--collaborator', 'bob@x.test'], { collaborators: ['ada@x.test', 'bob@x.test'] }],
  [shareEnvironment, ['--visibility', 'workspace', '--keep-secrets'], { visibility: 'workspace', keepSecrets: true }],
  [unshareEnvironment, ['--group', 'dev'], { groups: ['g2'] }],
  [unshareEnvironment, ['--collaborator', 'ada@x.test'], { collaborators: [] }],
  [unshareEnvironment, ['--all'], { visibility: 'private', groups: [], collaborators: [] }],
])('$name %j sends %j', async (command, flags, body) => {
  const world = worldOf()
  expect(await command.run(['shop', ...flags], world.context)).toBe(0)
  expect(world.calls.at(-1)).toMatchObject({ method: 'PATCH', body })
  expect(Object.keys(world.calls.at(-1)?.body as object)).toEqual(Object.keys(body as object))
})

test('env share says that secrets were cleared, and leaves a wider visibility alone', async () => {
  const world = worldOf({ ...shop, visibility: 'workspace' })
  await shareEnvironment.run(['shop', '--group', 'qa'], world.context)
  expect(world.calls.at(-1)?.body).toEqual({ groups: ['g1', 'g2', 'qa'] })
  expect(world.err()).toContain('Its secrets were cleared: S.')
})

test.each<[Command, string[], string]>([
  [shareEnvironment, [], 'not said with whom'],
  [shareEnvironment, ['--visibility', 'all'], 'one of private'],
  [unshareEnvironment, [], 'not said from whom'],
  [unshareEnvironment, ['--group', 'qa'], 'it is shared with dev, ops'],
  [unshareEnvironment, ['--collaborator', 'bob@x.test'], 'it is shared with ada@x.test'],
])('$name %j is wrong use and changes nothing', async (command, flags, message) => {
  const world = worldOf()
  await expect(command.run(['shop', ...flags], world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message) as unknown,
  })
  expect(world.calls.filter(({ method }) => method !== 'GET')).toEqual([])
})

test('env access shows who may, or that one may not know', async () => {
  const [all, hidden, machine] = [worldOf(), worldOf({ id: 'e1', name: 'shop', visibility: 'workspace' }), worldOf()]
  await showAccess.run(['shop'], all.context)
  expect(all.out()).toBe('visibility    private\ngroups        dev, ops\ncollaborators ada@x.test\n')
  await showAccess.run(['shop'], hidden.context)
  expect(hidden.out()).toContain('not for you to see')
  await showAccess.run(['shop', '--json'], machine.context)
  const { id: environment, ...rest } = shop
  expect(JSON.parse(machine.out())).toEqual({ environment, ...rest })
})

const provider = {
  ...{ id: 'p', name: 'company', displayName: 'Company', issuer: 'https://id.test', clientId: 'drydock' },
  ...{ hasSecret: true, scopes: ['openid'], groupClaim: 'a.b', groups: [], emailDomains: [], defaultRole: 'member' },
  ...{ enabled: false, createdAt: '', updatedAt: '' },
}
const SIGN_IN = {
  'GET /groups': () => json({ data: groups }),
  'GET /sign-in-providers': () => json({ data: [provider] }),
  'POST /sign-in-providers': () => json(provider, 201),
  'PATCH /sign-in-providers/company': () => json(provider),
  'DELETE /sign-in-providers/company': () => new Response(null, { status: 204 }),
}
const signInWorld = () => fakeWorld(SIGN_IN, { stdin: noInput({ read: async () => 's3cret\n' }) })

test('sign-in add reads the secret from standard input, finds groups by name, and shows nothing of it', async () => {
  const world = signInWorld()
  const flags = ['company', '--issuer', 'https://id.test', '--client-id', 'drydock', '--secret-file', '-']
  const more = ['--group-claim', 'realm_access.roles', '--group', 'a=b=dev', '--email-domain', 'x.test']
  expect(await addSignIn.run([...flags, ...more, '--default-role', 'viewer'], world.context)).toBe(0)
  expect(world.calls.at(-1)?.body).toEqual({
    ...{ name: 'company', issuer: 'https://id.test', clientId: 'drydock', clientSecret: 's3cret' },
    ...{ groupClaim: 'realm_access.roles', groups: [{ value: 'a=b', groupId: 'g1' }] },
    ...{ emailDomains: ['x.test'], defaultRole: 'viewer' },
  })
  expect(world.out() + world.err()).not.toContain('s3cret')
})

test('sign-in set takes away what is named empty; remove removes; list lists', async () => {
  const world = signInWorld()
  const empty = ['--secret-file', '', '--group-claim', '', '--group', '', '--email-domain', '']
  await setSignIn.run(['company', ...empty, '--disable'], world.context)
  const body = { clientSecret: null, groupClaim: null, groups: [], emailDomains: [], enabled: false }
  expect(world.calls.at(-1)?.body).toEqual(body)
  await setSignIn.run(['company', '--enable'], world.context)
  expect(world.calls.at(-1)?.body).toEqual({ enabled: true })
  await listSignIn.run([], world.context)
  expect(world.out()).toMatch(/company +https:\/\/id.test +drydock +a.b +member +off/)
  const machine = signInWorld()
  await removeSignIn.run(['company', '--json'], machine.context)
  expect(JSON.parse(machine.out())).toEqual({ deleted: 'company' })
})

test.each<[Command, string[], string]>([
  [addSignIn, ['x', '--client-id', 'c'], '--issuer is missing'],
  [addSignIn, ['x', '--issuer', 'https://x'], '--client-id is missing'],
  [setSignIn, ['company'], 'nothing to change'],
  [setSignIn, ['company', '--enable', '--disable'], 'together'],
  [setSignIn, ['company', '--group', 'dev'], 'write VALUE=GROUP'],
  [setSignIn, ['company', '--group', 'x=none'], 'Cannot find group'],
])('$name %j is wrong use and changes nothing', async (command, argv, message) => {
  const world = signInWorld()
  await expect(command.run(argv, world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message) as unknown,
  })
  expect(world.calls.filter(({ method }) => method !== 'GET')).toEqual([])
})
