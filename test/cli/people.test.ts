import { expect, test } from 'vitest'
import { addToGroup } from '../../cli/commands/group/add.ts'
import { createGroup } from '../../cli/commands/group/create.ts'
import { deleteGroup } from '../../cli/commands/group/delete.ts'
import { listGroups } from '../../cli/commands/group/list.ts'
import { removeFromGroup } from '../../cli/commands/group/remove.ts'
import { createRole } from '../../cli/commands/role/create.ts'
import { deleteRole } from '../../cli/commands/role/delete.ts'
import { grantRole } from '../../cli/commands/role/grant.ts'
import { listRoles } from '../../cli/commands/role/list.ts'
import { revokeRole } from '../../cli/commands/role/revoke.ts'
import { setRole } from '../../cli/commands/role/set.ts'
import { disableUser } from '../../cli/commands/user/disable.ts'
import { listUsers } from '../../cli/commands/user/list.ts'
import { setUser } from '../../cli/commands/user/set.ts'
import type { Command } from '../../cli/command.ts'
import { fakeWorld, json } from './fakes.ts'

const EVIL = '\u001b[2J'
const user = (id: string, name: string, email = '') => ({
  ...{ id, name, email, emailVerified: true, kind: 'person', role: 'member', permissions: [] },
  ...{ groups: [{ id: 'g1', name: `dev${EVIL}` }], roles: [{ id: 'r1', name: 'rev' }], disabled: false, createdAt: '' },
})
const USERS = [user('u1', 'Ada', 'ada@x.test'), user('u2', 'Bob', 'bob@x.test'), user('u3', 'Bob'), user('u4', 'u1')]
const GROUPS = [{ id: 'g1', name: 'dev', description: `d${EVIL}`, createdAt: '' }]
const ROLES = [{ id: 'r1', name: 'rev', description: '', permissions: ['audit.read'], createdAt: '', updatedAt: '' }]
const none = () => new Response(null, { status: 204 })
const LISTS = {
  'GET /users': () => json({ data: USERS }),
  'GET /groups': () => json({ data: GROUPS }),
  'GET /roles': () => json({ data: ROLES }),
}

async function change(command: Command, argv: string[], route: string, answer = json({ ...USERS[0], ...GROUPS[0] })) {
  const world = fakeWorld({ ...LISTS, [route]: () => answer.clone() })
  expect(await command.run(argv, world.context)).toBe(0)
  expect(world.err()).not.toBe('')
  const [method, path] = route.split(' ')
  return world.calls.find((call) => call.method === method && call.path === path)?.body
}

test.each<[string, Command, string[], string, unknown]>([
  ['a role by e-mail', setUser, ['ada@x.test', '--role', 'admin'], 'PATCH /users/u1', { role: 'admin' }],
  ['a name by name', setUser, ['Ada', '--name', 'A'], 'PATCH /users/u1', { name: 'A' }],
  ['that somebody may come in', setUser, ['u2', '--enable'], 'PATCH /users/u2', { disabled: false }],
  ['that somebody may not', disableUser, ['u3'], 'PATCH /users/u3', { disabled: true }],
  ['an id before a name', disableUser, ['u1'], 'PATCH /users/u1', { disabled: true }],
  ['a group', createGroup, ['ops', '--description', 'd'], 'POST /groups', { name: 'ops', description: 'd' }],
  ['a member', addToGroup, ['dev', 'Ada'], 'PUT /groups/g1/members/u1', undefined],
  [
    'a role',
    createRole,
    ['r', '--permission', 'audit.read'],
    'POST /roles',
    { name: 'r', permissions: ['audit.read'] },
  ],
  ['no permission', setRole, ['rev', '--permission', ''], 'PATCH /roles/r1', { permissions: [] }],
  ['another name', setRole, ['rev', '--name', 'x'], 'PATCH /roles/r1', { name: 'x' }],
])('a command sends %s', async (_, command, argv, route, body) => {
  expect(await change(command, argv, route)).toEqual(body)
})

test.each<[Command, string[], string]>([
  [removeFromGroup, ['g1', 'bob@x.test'], 'DELETE /groups/g1/members/u2'],
  [deleteGroup, ['dev'], 'DELETE /groups/g1'],
  [deleteRole, ['rev'], 'DELETE /roles/r1'],
  [grantRole, ['rev', '--user', 'Ada'], 'PUT /roles/r1/users/u1'],
  [grantRole, ['rev', '--group', 'dev'], 'PUT /roles/r1/groups/g1'],
  [revokeRole, ['rev', '--user', 'Ada'], 'DELETE /roles/r1/users/u1'],
  [revokeRole, ['rev', '--group', 'dev'], 'DELETE /roles/r1/groups/g1'],
])('$name %j asks for %s, and prints a document', async (command, argv, route) => {
  const world = fakeWorld({ ...LISTS, [route]: none })
  expect(await command.run([...argv, '--json'], world.context)).toBe(0)
  const last = world.calls.at(-1)
  expect(`${last?.method} ${last?.path}`).toBe(route)
  expect(JSON.parse(world.out())).toBeTypeOf('object')
})

test.each<[Command, string[], string]>([
  [disableUser, ['Bob'], 'name one by its id, of u2, u3'],
  [disableUser, ['nobody'], 'Cannot find user "nobody"'],
  [disableUser, [''], 'Cannot find user ""'],
  [setUser, ['Ada'], 'nothing to change'],
  [setUser, ['Ada', '--role', 'king'], 'one of owner'],
  [deleteGroup, ['none'], 'Cannot find group'],
  [setRole, ['rev'], 'nothing to change'],
  [grantRole, ['rev'], 'name either --user or --group'],
  [revokeRole, ['rev', '--user', 'Ada', '--group', 'dev'], 'name either --user or --group'],
])('$name %j is wrong use and changes nothing', async (command, argv, message) => {
  const world = fakeWorld(LISTS)
  await expect(command.run(argv, world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message) as unknown,
  })
  expect(world.calls.every(({ method }) => method === 'GET')).toBe(true)
})

test.each<[Command, string, string]>([
  [listUsers, 'GET /users', 'member, rev'],
  [listGroups, 'GET /groups', 'dev'],
  [listRoles, 'GET /roles', 'audit.read'],
])('$name neutralises what it prints, and prints the document', async (command, route, shown) => {
  const [world, machine] = [fakeWorld(LISTS), fakeWorld(LISTS)]
  await command.run([], world.context)
  await command.run(['--json'], machine.context)
  expect(world.out()).toContain(shown)
  expect(world.out() + machine.out()).not.toContain('\u001b')
  const path = route.split(' ')[1]
  expect(JSON.parse(machine.out())).toEqual({
    data: { '/users': USERS, '/groups': GROUPS, '/roles': ROLES }[path ?? ''],
  })
})
