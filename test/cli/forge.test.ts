import { expect, test } from 'vitest'
import { linkLogin } from '../../cli/commands/forge/link.ts'
import { listLogins } from '../../cli/commands/forge/list.ts'
import { unlinkLogin } from '../../cli/commands/forge/unlink.ts'
import { fakeWorld, json, noInput } from './fakes.ts'

const EVIL = '\u001b[2J'
const ADA = { host: 'github.test', login: `ada${EVIL}`, id: 7, verifiedAt: '2026-01-01T00:00:00Z' }
const linked = () => ({ 'PUT /me/forge-logins': json(ADA) })

test('forge link takes the token from standard input or asks for it, and shows nothing of it', async () => {
  const asked: string[] = []
  const ask = async (question: string) => {
    asked.push(question)
    return 'ghp_s3cr3t'
  }
  const ways = [noInput({ read: async () => 'ghp_s3cr3t\n' }), noInput({ isTerminal: true, ask })]
  for (const stdin of ways) {
    const world = fakeWorld(linked(), { stdin })
    expect(await linkLogin.run([], world.context)).toBe(0)
    expect(world.calls[0]?.body).toEqual({ forge: 'github', token: 'ghp_s3cr3t' })
    expect(world.err()).toContain('on github.test. The token was not kept')
    expect(world.out() + world.err()).not.toContain('s3cr3t')
    expect(world.err()).not.toContain(EVIL)
  }
  expect(asked).toEqual(['Token (not shown): '])
})

test('forge link takes no token as an argument, and none that is empty', async () => {
  const world = fakeWorld(linked(), { stdin: noInput({ isTerminal: true, ask: async () => ' ' }) })
  await expect(linkLogin.run([], world.context)).rejects.toMatchObject({ exitCode: 2 })
  await expect(linkLogin.run(['ghp_s3cr3t'], world.context)).rejects.toMatchObject({ exitCode: 2 })
  await expect(linkLogin.run(['--token', 'ghp_s3cr3t'], world.context)).rejects.toMatchObject({ exitCode: 2 })
  expect(world.calls).toEqual([])
})

test('forge list shows who one is, or how to link', async () => {
  const world = fakeWorld({ 'GET /me/forge-logins': json({ data: [ADA] }) })
  await listLogins.run([], world.context)
  expect(world.out()).toMatch(/github\.test +ada\S+ +7 +2026-01-01 00:00/)
  expect(world.out()).not.toContain(EVIL)
  const none = fakeWorld({ 'GET /me/forge-logins': json({ data: [] }) })
  await listLogins.run([], none.context)
  expect(none.err()).toContain('bin/drydock forge link')
})

test('forge unlink names the host', async () => {
  const world = fakeWorld({ 'DELETE /me/forge-logins/ghe.test%3A8443': () => new Response(null, { status: 204 }) })
  expect(await unlinkLogin.run(['ghe.test:8443', '--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toEqual({ unlinked: 'ghe.test:8443' })
})

test('an administrator names somebody else, whose logins are shown and unlinked', async () => {
  const bob = { id: 'b0b', name: 'Bob', email: 'bob@example.test' }
  const routes = {
    'GET /users': json({ data: [bob] }),
    'GET /users/b0b/forge-logins': json({ data: [] }),
    'DELETE /users/b0b/forge-logins/github.com': () => new Response(null, { status: 204 }),
  }
  const world = fakeWorld(routes)
  await listLogins.run(['--user', 'bob@example.test'], world.context)
  await unlinkLogin.run(['github.com', '--user', 'Bob'], world.context)
  expect(world.err()).toContain('User "Bob" has linked no login.')
  expect(world.err()).toContain('The login of "Bob" on github.com is not linked any more.')
})
