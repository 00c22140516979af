import { expect, test } from 'vitest'
import { whoami } from '../../cli/commands/whoami.ts'
import { fakeWorld, json } from './fakes.ts'

const EVIL = '\u001b]52;c;aGk=\u0007'
const me = {
  ...{ id: 'u1', name: `Ada${EVIL}`, email: 'ada@example.test', emailVerified: false, kind: 'person', role: 'member' },
  permissions: ['cloud.use', 'audit.read'],
  groups: [{ id: 'g1', name: 'reviewers' }],
  roles: [{ id: 'r1', name: `auditor\n${EVIL}` }],
  scopes: ['read'],
}

test('whoami shows who asks, and lets no name speak to the terminal', async () => {
  const world = fakeWorld({ 'GET /me': json(me) })
  expect(await whoami.run([], world.context)).toBe(0)
  expect(world.out()).toContain('ada@example.test')
  expect(world.out()).toMatch(/role +member, auditor/)
  expect(world.out()).toMatch(/groups +reviewers\nmay do +cloud.use, audit.read\ntoken +read\n$/)
  expect(world.out()).not.toContain(EVIL)
})

test('whoami --json prints what the server says', async () => {
  const world = fakeWorld({ 'GET /me': json(me) })
  expect(await whoami.run(['--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toEqual(me)
})
