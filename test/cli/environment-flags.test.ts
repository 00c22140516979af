import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { environmentFromFlags, repositoryOf } from '../../cli/environment-flags.ts'
import type { EnvironmentFlags } from '../../cli/environment-flags.ts'

function folder() {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-flags-')))
  onTestFinished(() => rmSync(path, { recursive: true }))
  mkdirSync(join(path, 'acme', 'shop'), { recursive: true })
  writeFileSync(join(path, 'setup.sh'), 'make\n')
  writeFileSync(join(path, 'policy.json'), '{"preset":"none"}')
  writeFileSync(join(path, 'list.json'), '[]')
  writeFileSync(join(path, 'broken.json'), '{')
  return path
}

const read = (flags: Partial<EnvironmentFlags>, cwd: string) => environmentFromFlags(flags as EnvironmentFlags, cwd)

test('environmentFromFlags() reads files and leaves out what was not named', async () => {
  const flags = {
    name: 'n',
    setup: 'setup.sh',
    policy: 'policy.json',
    var: ['A=1', 'B=x=y', 'C='],
    memory: '512',
    pids: '99',
    limit: ['agent=1.5h', 'noOutputMs=90000', 'total=2h'],
    'publish-flagged': true,
    'publish-linked': true,
  }
  expect(await read(flags, folder())).toEqual({
    name: 'n',
    setupScript: 'make\n',
    policy: { preset: 'none' },
    variables: { A: '1', B: 'x=y', C: '' },
    resources: { memoryMiB: 512, pids: 99 },
    limits: { agentMs: 5_400_000, noOutputMs: 90_000, totalMs: 7_200_000 },
    holdFlagged: false,
    publishUnlinked: false,
  })
  expect(await read({}, folder())).toEqual({})
})

test('environmentFromFlags() removes what an empty FILE names', async () => {
  expect(await read({ setup: '', policy: '' }, folder())).toEqual({ setupScript: null, policy: null })
})

test('environmentFromFlags() puts the services together from their flags', async () => {
  const flags = {
    service: ['db=postgres:17', 'cache=registry.test:5000/redis'],
    'service-env': ['db:POSTGRES_PASSWORD=a:b=c', 'db:POSTGRES_DB='],
    'service-port': ['cache:6379'],
  }
  expect(await read(flags, '/')).toEqual({
    services: [
      { name: 'db', image: 'postgres:17', env: { POSTGRES_PASSWORD: 'a:b=c', POSTGRES_DB: '' } },
      { name: 'cache', image: 'registry.test:5000/redis', port: 6379 },
    ],
  })
  expect(await read({ service: [''] }, '/')).toEqual({ services: [] })
})

test.each([
  [{ setup: 'none.sh' }, 'Cannot read --setup "none.sh": there is no such file'],
  [{ setup: 'acme' }, 'Cannot read --setup "acme": it is a folder'],
  [{ policy: 'list.json' }, 'Cannot read --policy "list.json": it is not a JSON object'],
  [{ policy: 'broken.json' }, 'Cannot read --policy "broken.json": Expected'],
  [{ var: ['=x'] }, 'Cannot use --var "=x": write NAME=VALUE'],
  [{ service: ['postgres'] }, 'Cannot use --service "postgres": write NAME=IMAGE'],
  [{ service: ['db=x'], 'service-env': ['db=A'] }, 'Cannot use --service-env "db=A": write NAME:KEY=VALUE'],
  [{ 'service-env': ['db:A=1'] }, 'name the service, too, with --service db=IMAGE'],
  [{ service: ['db=x'], 'service-port': ['db:y'] }, 'Cannot use --service-port "db:y": write NAME:PORT'],
  [{ memory: 'much' }, 'Cannot use --memory "much": it is not a number'],
  [{ limit: ['agent=45'] }, 'Cannot use --limit "agent=45": write a time as in 90s'],
  [{ limit: ['agent=soon'] }, 'Cannot use --limit "agent=soon"'],
  [{ limit: ['agent'] }, 'Cannot use --limit "agent": write NAME=VALUE'],
  [{ publish: 'maybe' }, 'Cannot use --publish "maybe": it is one of manual, branch, pull-request'],
  [{ 'hold-flagged': true, 'publish-flagged': true }, 'Cannot use --hold-flagged together'],
  [{ 'publish-linked': true, 'publish-unlinked': true }, 'Cannot use --publish-unlinked together'],
])('environmentFromFlags() refuses %j with exit code 2', async (flags, message) => {
  await expect(read(flags, folder())).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
})

test.each([
  ['acme/shop', '<cwd>/acme/shop'],
  ['./acme', '<cwd>/acme'],
  ['other/shop', 'other/shop'],
  ['https://git.example.com/shop.git', 'https://git.example.com/shop.git'],
  ['git@git.example.com:shop.git', 'git@git.example.com:shop.git'],
  ['/not/here/but/there', '/not/here/but/there'],
])('repositoryOf() makes %s to %s', async (text, expected) => {
  const cwd = folder()
  expect(await repositoryOf(text, cwd)).toBe(expected.replace('<cwd>', cwd))
})

test.each(['./none', 'none', '../a/b/c'])('repositoryOf() refuses %s, which is not there', async (text) => {
  await expect(repositoryOf(text, folder())).rejects.toMatchObject({ exitCode: 2 })
})
