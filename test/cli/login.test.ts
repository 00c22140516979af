import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { login } from '../../cli/commands/login.ts'
import { logout } from '../../cli/commands/logout.ts'
import { profilesFile } from '../../cli/config.ts'
import { readProfiles, writeProfiles } from '../../cli/profiles.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld, json, noInput, problem } from './fakes.ts'

const URL_ = 'https://drydock.test'
const TOKEN = 'dd_made'
const device = {
  ...{ device_code: 'long-code', user_code: 'BCDF-GHJK', verification_uri: `${URL_}/device\u001b[2J` },
  ...{ expires_in: 600, interval: 0 },
}
const me = () => json({ id: 'u1', name: 'Ada' })
const begun = { 'POST /auth/device': () => json(device), 'GET /me': me }
const made = () => json({ id: 'k1', token: TOKEN }, 201)
const pending = () => problem(400, 'authorization-pending', 'Cannot give a token yet')

let env: Record<string, string>
let file: string
beforeEach(() => {
  const folder = temporaryFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  env = { XDG_CONFIG_HOME: join(folder.path, 'config') }
  file = profilesFile(env)
})
const stdin = (text: string) => noInput({ read: async () => text })

test('login shows address and code, waits for a yes, and keeps the token without a word of it', async () => {
  const world = fakeWorld({ ...begun, 'POST /auth/device/token': [pending(), pending(), made()] }, { env })
  expect(await login.run([URL_, '--profile', 'work', '--admin'], world.context)).toBe(0)
  expect(world.calls.map(({ path, headers }) => [path, headers.get('authorization')])).toEqual([
    ['/auth/device', null],
    ...Array.from({ length: 3 }, () => ['/auth/device/token', null]),
    ['/me', `Bearer ${TOKEN}`],
  ])
  expect(world.calls[0]?.body).toMatchObject({ scopes: ['read', 'write', 'admin'] })
  expect(world.calls[1]?.body).toEqual({ device_code: 'long-code' })
  expect(world.err()).toContain(`${URL_}/device\\x1b[2J and type this code:\n\n    BCDF-GHJK`)
  expect(world.err()).toContain('You are Ada')
  expect(world.out() + world.err()).not.toMatch(/dd_|long-code/)
  const work = { url: `${URL_}/`, token: TOKEN, tokenId: 'k1' }
  expect(readProfiles(file)).toEqual({ current: 'work', all: { work } })
})

test.each([
  [problem(403, 'access-denied', 'x'), 'it was refused in the browser'],
  [problem(400, 'device-code-expired', 'x'), 'nobody confirmed the code in time'],
  [problem(500, 'internal', 'Cannot answer'), 'Cannot answer'],
])('login keeps nothing when the answer is no', async (answer, message) => {
  const world = fakeWorld({ ...begun, 'POST /auth/device/token': [pending(), answer] }, { env })
  await expect(login.run([URL_], world.context)).rejects.toThrow(message)
  expect(readProfiles(file)).toEqual({ current: undefined, all: {} })
})

test('login goes on through a server that is away for a moment', async () => {
  let n = 0
  const answer = () => {
    if (n++ === 0) throw new TypeError('fetch failed')
    return made()
  }
  const world = fakeWorld({ ...begun, 'POST /auth/device/token': answer }, { env })
  expect(await login.run([URL_], world.context)).toBe(0)
})

test('login asks no more after Ctrl-C', async () => {
  const asked = () => {
    world.interrupt()
    return pending()
  }
  const world = fakeWorld({ ...begun, 'POST /auth/device/token': asked }, { env })
  await expect(login.run([URL_], world.context)).rejects.toThrow()
  expect(world.calls).toHaveLength(2)
  expect(readProfiles(file).all).toEqual({})
})

test.each([['--token-stdin'], ['--token', '-']])('login %s tries the token and keeps it', async (...flags) => {
  const world = fakeWorld({ 'GET /me': me }, { env, stdin: stdin(`${TOKEN}\n`) })
  expect(await login.run([URL_, ...flags, '--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toEqual({ profile: 'default', url: `${URL_}/`, user: { id: 'u1', name: 'Ada' } })
  expect(world.out() + world.err()).not.toContain(TOKEN)
  expect(readProfiles(file).all).toEqual({ default: { url: `${URL_}/`, token: TOKEN } })
})

test('login --token-stdin asks a person at a terminal, and keeps no token that the server does not know', async () => {
  const ask = async () => TOKEN
  const refused = problem(401, 'unauthorized', 'Cannot tell who asks')
  const world = fakeWorld({ 'GET /me': refused }, { env, stdin: noInput({ isTerminal: true, ask }) })
  await expect(login.run([URL_, '--token-stdin'], world.context)).rejects.toMatchObject({ code: 'unauthorized' })
  expect(readProfiles(file).all).toEqual({})
})

test.each([
  [['--token', TOKEN], 'others of this machine see arguments'],
  [['--token-stdin'], 'standard input holds no token'],
  [['--profile', '../x'], 'a name has letters'],
  [['ftp://x'], 'Cannot use URL'],
  [['https://u:secret@x'], 'it holds a credential'],
])('login %j is wrong use, and repeats no secret', async (argv, message) => {
  const world = fakeWorld({}, { env, stdin: stdin('') })
  const running = login.run(argv, world.context)
  await expect(running).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) as unknown })
  await expect(running).rejects.not.toThrow(/dd_made|secret/)
})

test.each([
  [() => new Response(null, { status: 204 }), false],
  [problem(503, 'database-unavailable', 'Cannot answer'), true],
])('login has the token revoked that the profile had before', async (answer, stays) => {
  writeProfiles(file, { current: 'work', all: { work: { url: `${URL_}/`, token: 'dd_before', tokenId: 'k0' } } })
  const world = fakeWorld({ 'GET /me': me, 'DELETE /tokens/k0': answer }, { env, stdin: stdin(TOKEN) })
  expect(await login.run(['--profile', 'work', '--token-stdin'], world.context)).toBe(0)
  expect(world.calls.at(-1)?.headers.get('authorization')).toBe('Bearer dd_before')
  expect(world.err().includes('stays valid')).toBe(stays)
  expect(readProfiles(file).all['work']?.token).toBe(TOKEN)
})

test('login leaves a token alone that it is given again', async () => {
  writeProfiles(file, { current: 'default', all: { default: { url: `${URL_}/`, token: TOKEN, tokenId: 'k0' } } })
  const world = fakeWorld({ 'GET /me': me }, { env, stdin: stdin(TOKEN) })
  expect(await login.run(['--token-stdin'], world.context)).toBe(0)
})

test('login says where the way is open, and which variables win', async () => {
  const variables = { ...env, DRYDOCK_TOKEN: 'dd_env' }
  const world = fakeWorld({ 'GET /me': me }, { env: variables, stdin: stdin(TOKEN) })
  await login.run(['http://far.test', '--token-stdin'], world.context)
  expect(world.err()).toContain('not encrypted')
  expect(world.err()).toContain('DRYDOCK_TOKEN of the environment will still win')
  expect(world.err()).not.toContain('dd_')
})

const work = { url: `${URL_}/`, token: TOKEN, tokenId: 'k1' }
const home = { url: 'http://127.0.0.1:7070/', token: 'dd_home' }

test('logout has the token revoked and removes the profile', async () => {
  writeProfiles(file, { current: 'work', all: { work, home } })
  const world = fakeWorld({ 'DELETE /tokens/k1': () => new Response(null, { status: 204 }) }, { env })
  expect(await logout.run(['--json'], world.context)).toBe(0)
  expect(world.calls[0]?.headers.get('authorization')).toBe(`Bearer ${TOKEN}`)
  expect(JSON.parse(world.out())).toEqual({ profile: 'work', revoked: true })
  expect(readProfiles(file)).toEqual({ current: undefined, all: { home } })
  expect(readFileSync(file, 'utf8')).not.toContain(TOKEN)
  await expect(logout.run([], world.context)).rejects.toMatchObject({ exitCode: 2 })
})

test.each([
  [problem(401, 'unauthorized', 'x'), 0, true],
  [problem(503, 'database-unavailable', 'Cannot answer'), 1, false],
])('logout removes the profile whatever the server says', async (answer, code, revoked) => {
  writeProfiles(file, { current: 'home', all: { work, home } })
  const world = fakeWorld({ 'DELETE /tokens/k1': answer }, { env })
  expect(await logout.run(['--profile', 'work', '--json'], world.context)).toBe(code)
  expect(JSON.parse(world.out())).toEqual({ profile: 'work', revoked })
  expect(readProfiles(file)).toEqual({ current: 'home', all: { home } })
})

test('logout leaves a token alone that was made elsewhere, and says so', async () => {
  writeProfiles(file, { current: 'home', all: { home } })
  const world = fakeWorld({}, { env })
  expect(await logout.run([], world.context)).toBe(0)
  expect(world.err()).toContain('stays valid')
})

test('login and logout leave a broken file alone', async () => {
  writeProfiles(file, { current: undefined, all: {} })
  writeFileSync(file, 'x')
  const world = fakeWorld({}, { env, stdin: stdin(TOKEN) })
  await expect(login.run([URL_, '--token-stdin'], world.context)).rejects.toMatchObject({ code: 'config-invalid' })
  expect(readFileSync(file, 'utf8')).toBe('x')
})
