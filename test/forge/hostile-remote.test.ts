import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createMirrors } from '../../forge/mirror.ts'
import type { Mirrors, Remote } from '../../forge/mirrors.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

// Many git processes each, beside other tests on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

// A repository that somebody else prepared, in a folder that the server may read: nothing in it runs, and it leads nowhere.

const { signal } = new AbortController()
let folder: Folder
let roots: string
let origin: Origin
let mirrors: Mirrors
let remote: Remote
let marker: string

beforeEach(() => {
  folder = temporaryFolder()
  roots = join(folder.path, 'allowed')
  mkdirSync(roots)
  origin = makeOrigin(roots)
  remote = { forge: 'git', address: origin.bare }
  marker = join(folder.path, 'it-ran')
  mirrors = createMirrors({
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [roots],
    allowedHosts: [],
    path: process.env.PATH ?? '',
  })
})
afterEach(() => folder[Symbol.dispose]())

function plantHooks(hooks: string): void {
  mkdirSync(hooks, { recursive: true })
  for (const name of [
    'pre-receive',
    'update',
    'post-receive',
    'post-update',
    'reference-transaction',
    'proc-receive',
  ]) {
    const text = `#!/bin/sh\ntouch ${marker}\ncat >/dev/null\n`
    writeFileSync(join(hooks, name), text)
    chmodSync(join(hooks, name), 0o755)
  }
}

async function openAndPush(): Promise<void> {
  await using view = await mirrors.open(remote, signal)
  const parent = view.refs.find(({ name }) => name === 'refs/heads/main')?.commit ?? ''
  const tree = git(origin.bare, 'rev-parse', `${parent}^{tree}`)
  const person = { name: 'Ada', email: 'ada@example.com' }
  const input = { tree, parent, message: 'x', author: person, committer: person, date: new Date(0) }
  const commit = await mirrors.commit(view, input)
  expect(await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)).toEqual({ kind: 'pushed' })
}

/** The attack works on plain git: else its test shows nothing. */
function plainGitRuns(): boolean {
  git(origin.work, 'commit', '-q', '--allow-empty', '-m', 'control')
  git(origin.work, 'push', '-q', 'origin', 'HEAD:refs/heads/control')
  return existsSync(marker)
}

const PLANTED: [string, () => void][] = [
  ['hooks', () => plantHooks(join(origin.bare, 'hooks'))],
  [
    'core.hooksPath',
    () => {
      plantHooks(join(roots, 'elsewhere'))
      git(origin.bare, 'config', 'core.hooksPath', join(roots, 'elsewhere'))
    },
  ],
  [
    'core.alternateRefsCommand',
    () => {
      const donor = makeOrigin(roots, 'donor')
      mkdirSync(join(origin.bare, 'objects', 'info'), { recursive: true })
      writeFileSync(join(origin.bare, 'objects', 'info', 'alternates'), `${join(donor.bare, 'objects')}\n`)
      git(origin.bare, 'config', 'core.alternateRefsCommand', `touch ${marker}; :`)
    },
  ],
]

test.each(PLANTED)('%s in the repository run for plain git (positive control)', (_, plant) => {
  plant()
  expect(plainGitRuns()).toBe(true)
})

test.each([
  ...PLANTED,
  ['core.sshCommand', () => void git(origin.bare, 'config', 'core.sshCommand', `touch ${marker}; false`)],
  [
    'uploadpack.packObjectsHook',
    () => void git(origin.bare, 'config', 'uploadpack.packObjectsHook', `touch ${marker}; :`),
  ],
  ['core.fsmonitor', () => void git(origin.bare, 'config', 'core.fsmonitor', `touch ${marker}`)],
  ['core.gitProxy', () => void git(origin.bare, 'config', 'core.gitProxy', `touch ${marker}`)],
] satisfies [string, () => void][])('%s in the repository does not run on open and push', async (_, plant) => {
  plant()
  await openAndPush()
  expect(existsSync(marker)).toBe(false)
})

test('open() does not fetch on behalf of a partial clone', async () => {
  git(origin.bare, 'config', 'remote.origin.url', `ext::sh -c "touch% ${marker}"`)
  git(origin.bare, 'config', 'remote.origin.promisor', 'true')
  git(origin.bare, 'config', 'extensions.partialClone', 'origin')
  git(origin.bare, 'config', 'core.repositoryFormatVersion', '1')
  git(origin.bare, 'config', 'protocol.ext.allow', 'always')
  const missing = git(origin.bare, 'rev-parse', 'main:README.md')
  const file = join(origin.bare, 'objects', missing.slice(0, 2), missing.slice(2))
  expect(existsSync(file)).toBe(true)
  renameSync(file, join(folder.path, 'blob'))
  await expect(mirrors.open(remote, signal)).rejects.toMatchObject({ code: 'forge-unavailable' })
  expect(existsSync(marker)).toBe(false)
})

test.each<[string, (secret: Origin) => string]>([
  ['alternates', (secret) => (pointAlternates(origin.bare, join(secret.bare, 'objects')), origin.bare)],
  [
    'alternates of alternates',
    (secret) => {
      const donor = makeOrigin(roots, 'donor')
      pointAlternates(donor.bare, join(secret.bare, 'objects'))
      pointAlternates(origin.bare, join(donor.bare, 'objects'))
      return origin.bare
    },
  ],
  ['a symlink', (secret) => (symlinkSync(secret.bare, join(roots, 'link.git')), join(roots, 'link.git'))],
  ['dots', (secret) => join(roots, 'x') + `/../../secret/${secret.bare.split('/').at(-1)}`],
  [
    'a .git file',
    (secret) => {
      mkdirSync(join(roots, 'tree'))
      writeFileSync(join(roots, 'tree', '.git'), `gitdir: ${secret.bare}\n`)
      return join(roots, 'tree')
    },
  ],
  [
    'commondir',
    (secret) => {
      mkdirSync(join(roots, 'common.git'))
      writeFileSync(join(roots, 'common.git', 'HEAD'), 'ref: refs/heads/main\n')
      writeFileSync(join(roots, 'common.git', 'commondir'), `${secret.bare}\n`)
      return join(roots, 'common.git')
    },
  ],
  [
    'a linked objects folder',
    (secret) => {
      const fake = makeOrigin(roots, 'linked')
      renameSync(join(fake.bare, 'objects'), join(fake.bare, 'old'))
      symlinkSync(join(secret.bare, 'objects'), join(fake.bare, 'objects'))
      return fake.bare
    },
  ],
  [
    'a linked pack',
    (secret) => {
      git(secret.bare, 'repack', '-a', '-d', '-q')
      for (const name of readdirSync(join(secret.bare, 'objects', 'pack')))
        symlinkSync(join(secret.bare, 'objects', 'pack', name), join(origin.bare, 'objects', 'pack', name))
      return origin.bare
    },
  ],
  [
    'a linked folder of loose objects',
    (secret) => {
      const own = new Set(readdirSync(join(origin.bare, 'objects')))
      const free = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9'].find((name) => !own.has(name)) ?? ''
      symlinkSync(join(secret.bare, 'objects'), join(origin.bare, 'objects', free))
      return origin.bare
    },
  ],
])('open() refuses to leave the allowed folders by %s', async (_, plant) => {
  mkdirSync(join(folder.path, 'secret'))
  const address = plant(makeOrigin(join(folder.path, 'secret'), 'secret'))
  const rejection = { code: 'repository-refused', message: expect.stringContaining('repositoryRoots') }
  await expect(mirrors.open({ forge: 'git', address }, signal)).rejects.toMatchObject(rejection)
})

test('open() takes no ref of an odd name', async () => {
  const head = git(origin.bare, 'rev-parse', 'main')
  for (const name of ['x.lock', 'a..b']) writeFileSync(join(origin.bare, 'refs', 'heads', name), `${head}\n`)
  await using view = await mirrors.open(remote, signal)
  expect(view.refs).toEqual([{ name: 'refs/heads/main', commit: head }])
})

test('open() names a ref that is a link to something else, and shows nothing of it', async () => {
  writeFileSync(join(folder.path, 'file'), 'SECRET\n')
  symlinkSync(join(folder.path, 'file'), join(origin.bare, 'refs', 'heads', 'linked'))
  const error: unknown = await mirrors.open(remote, signal).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'repository-refused', message: expect.stringContaining('refs/heads/linked') })
  expect(String(error)).not.toContain('SECRET')
})

test('open() refuses a repository with objects that fsck refuses', async () => {
  const blob = git(origin.bare, 'rev-parse', 'main:README.md')
  const file = join(folder.path, 'tree')
  writeFileSync(file, Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(blob, 'hex')]))
  const tree = git(origin.bare, 'hash-object', '-t', 'tree', '-w', '--literally', file)
  const commit = git(origin.bare, '-c', 'user.name=x', '-c', 'user.email=x@x', 'commit-tree', tree, '-m', 'evil')
  git(origin.bare, 'update-ref', 'refs/heads/main', commit)
  await expect(mirrors.open(remote, signal)).rejects.toMatchObject({ code: 'repository-refused' })
})

function pointAlternates(bare: string, objects: string): void {
  mkdirSync(join(bare, 'objects', 'info'), { recursive: true })
  writeFileSync(join(bare, 'objects', 'info', 'alternates'), `${objects}\n`)
}

describe.each(['packed-refs', 'shallow', 'config', 'info/attributes'])(
  '%s that is a link to a file elsewhere',
  (name) => {
    const link = () => {
      writeFileSync(join(folder.path, 'file'), 'SECRET 1\n')
      rmSync(join(origin.bare, name), { force: true })
      mkdirSync(join(origin.bare, name, '..'), { recursive: true })
      symlinkSync(join(folder.path, 'file'), join(origin.bare, name))
    }

    test.runIf(['packed-refs', 'shallow'].includes(name))('is quoted by plain git (positive control)', () => {
      link()
      const said = spawnSync('git', ['clone', '-q', '--bare', `file://${origin.bare}`, join(folder.path, 'copy')])
      expect(said.stderr.toString()).toContain('SECRET')
    })

    test('is refused, and nothing of it is shown', async () => {
      link()
      const error: unknown = await mirrors.open(remote, signal).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'repository-refused' })
      expect(String(error)).not.toContain('SECRET')
    })
  },
)
