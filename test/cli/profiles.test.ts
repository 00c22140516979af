import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { listProfiles } from '../../cli/commands/profile/list.ts'
import { useProfile } from '../../cli/commands/profile/use.ts'
import { profilesFile, readClientConfig } from '../../cli/config.ts'
import { readProfiles, withProfile, withoutProfile, writeProfiles } from '../../cli/profiles.ts'
import { takeProfile } from '../../bin/take-profile.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld } from './fakes.ts'

const work = { url: 'https://work.test/', token: 'dd_work', tokenId: 't1' }
const home = { url: 'http://127.0.0.1:7070/', token: 'dd_home' }
const both = { current: 'work', all: { work, home } }

let env: Record<string, string>
let file: string
beforeEach(() => {
  const folder = temporaryFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  env = { XDG_CONFIG_HOME: join(folder.path, 'config') }
  file = profilesFile(env)
})

test('writeProfiles() makes a file that nobody else may read, whatever the umask, and leaves nothing beside it', () => {
  const umask = process.umask(0)
  onTestFinished(() => void process.umask(umask))
  writeProfiles(file, both)
  writeProfiles(file, both)
  expect(readProfiles(file)).toEqual(both)
  expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700])
  expect(readdirSync(dirname(file))).toEqual(['profiles.json'])
})

test.each([
  [{ XDG_CONFIG_HOME: '/x', HOME: '/h' }, '/x/drydock/profiles.json'],
  [{ XDG_CONFIG_HOME: 'relative', HOME: '/h' }, '/h/.config/drydock/profiles.json'],
  [{ HOME: '/h' }, '/h/.config/drydock/profiles.json'],
])('profilesFile() of %j is %s', (variables, path) => expect(profilesFile(variables)).toBe(path))

test.each([
  ['that others may read', '{"all":{}}', 0o644, 'chmod 600'],
  ['that is no JSON', 'x', 0o600, 'does not hold profiles'],
  ['of another form', '{"all":{"a":{"url":1}}}', 0o600, 'does not hold profiles'],
])('readProfiles() refuses a file %s', (_, text, mode, message) => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  expect(() => readProfiles(file)).toThrow(message)
  // Whoever says everything by variables needs no profile.
  const all = { ...env, DRYDOCK_URL: 'http://x.test', DRYDOCK_TOKEN: 'dd_x' }
  expect(readClientConfig(all)).toMatchObject({ token: 'dd_x' })
})

test.each<[string, Record<string, string>, string | undefined, string, string | undefined]>([
  ['the one in use', {}, undefined, work.url, work.token],
  ['the one that DRYDOCK_PROFILE names', { DRYDOCK_PROFILE: 'home' }, undefined, home.url, home.token],
  ['the one that --profile names', { DRYDOCK_PROFILE: 'home' }, 'work', work.url, work.token],
  ['another token where a variable has one', { DRYDOCK_TOKEN: 'dd_env' }, undefined, work.url, 'dd_env'],
  ['its token at its own address', { DRYDOCK_URL: 'https://work.test' }, undefined, work.url, work.token],
  ['no token at another address', { DRYDOCK_URL: 'https://evil.test' }, undefined, 'https://evil.test/', undefined],
  ['no token without TLS', { DRYDOCK_URL: 'http://work.test' }, 'work', 'http://work.test/', undefined],
  ['no token below another path', { DRYDOCK_URL: 'https://work.test/x' }, 'work', 'https://work.test/x', undefined],
])('readClientConfig() takes %s', (_, variables, wanted, url, token) => {
  writeProfiles(file, both)
  const config = readClientConfig({ ...env, ...variables }, wanted)
  expect([config.url.href, config.token]).toEqual([url, token])
})

test.each(['none', '__proto__', 'toString', ''])(
  'readClientConfig() refuses profile "%s", and names those there are',
  (name) => {
    writeProfiles(file, both)
    expect(() => readClientConfig(env, name)).toThrow('there is work, home')
  },
)

test('profiles come and go; that none is in use stays so', () => {
  const one = withProfile({ current: undefined, all: {} }, 'work', work)
  expect(withProfile(one, 'home', home)).toEqual({ current: 'home', all: { work, home } })
  expect(withoutProfile(both, 'home')).toEqual({ current: 'work', all: { work } })
  expect(withoutProfile(both, 'work')).toEqual({ current: undefined, all: { home } })
})

test('profile list and use show no token', async () => {
  writeProfiles(file, both)
  const world = fakeWorld({}, { env })
  await listProfiles.run([], world.context)
  expect(world.out()).toMatch(/work +https:\/\/work.test\/ +in use\n?.*home/s)
  await useProfile.run(['home'], world.context)
  await expect(useProfile.run(['none'], world.context)).rejects.toMatchObject({ exitCode: 2 })
  const machine = fakeWorld({}, { env })
  await listProfiles.run(['--json'], machine.context)
  expect(JSON.parse(machine.out())).toEqual({
    data: [
      { name: 'work', url: work.url, inUse: false },
      { name: 'home', url: home.url, inUse: true },
    ],
  })
  expect(world.out() + world.err() + machine.out()).not.toContain('dd_')
  expect(readFileSync(file, 'utf8')).toContain(work.token)
})

test('profile list without a file makes none', async () => {
  const world = fakeWorld({}, { env })
  await listProfiles.run([], world.context)
  expect(world.err()).toContain('There are no profiles')
  expect(existsSync(file)).toBe(false)
})

test.each([
  [['list'], undefined, ['list']],
  [['--profile', 'a', 'list'], 'a', ['list']],
  [['list', '--profile=a', '--json'], 'a', ['list', '--json']],
  [['list', '--profile'], '', ['list']],
  [['sandbox', '--', 'x', '--profile', 'a'], undefined, ['sandbox', '--', 'x', '--profile', 'a']],
])('takeProfile(%j) finds %s', (argv, profile, rest) => expect(takeProfile(argv)).toEqual({ profile, rest }))
