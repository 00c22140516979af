import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { copyLocal } from '../../../bin/demo/bare-copy.ts'
import { hostGit } from '../../../bin/demo/host-git.ts'
import { inspectSource } from '../../../bin/demo/local-source.ts'
import { ensureSampleRepository } from '../../../bin/sample-repository.ts'

const env = { PATH: process.env.PATH ?? '' }

function world() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-demo-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'protocol.file.allow=always', ...args], {
      cwd: resolve(root, cwd),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  mkdirSync(join(root, 'main'))
  git('main', 'init', '-q', '-b', 'trunk')
  for (const n of [1, 2, 3]) {
    writeFileSync(join(root, 'main', `f${n}`), `${n}\n`)
    git('main', 'add', '-A')
    git('main', 'commit', '-qm', `c${n}`)
  }
  git('main', 'branch', 'other', 'HEAD~1')
  git('main', 'tag', 'v1')
  const copies = join(root, 'copies')
  mkdirSync(copies)
  const configFile = join(root, 'git-config')
  const inspect = (path: string) => inspectSource(join(root, path), { env, configFile })
  return {
    root,
    git,
    inspect,
    copy: async (path: string) => copyLocal(await inspect(path), { folder: copies, env, configFile }),
  }
}

test('copyLocal() brings branches and tags of a work tree; a second copy brings what is new and keeps what is ours', async () => {
  const { git, copy } = world()
  const first = await copy('main')
  expect(first.branch).toBe('trunk')
  expect(git(first.origin, 'for-each-ref', '--format=%(refname)').split('\n')).toEqual([
    'refs/heads/other',
    'refs/heads/trunk',
    'refs/tags/v1',
  ])
  git(first.origin, 'branch', 'drydock/x')
  git('main', 'commit', '-qm', 'c4', '--allow-empty')
  const second = await copy('main')
  expect(second).toEqual(first)
  expect(git(second.origin, 'rev-parse', 'trunk')).toBe(git('main', 'rev-parse', 'trunk'))
  expect(git(second.origin, 'branch', '--list', 'drydock/x')).toBe('drydock/x')
})

test('copyLocal() starts over when an old branch is in the way of a new one', async () => {
  const { git, copy } = world()
  await copy('main')
  git('main', 'branch', '-m', 'other', 'moved')
  git('main', 'branch', 'other/new')
  const { origin } = await copy('main')
  expect(git(origin, 'rev-parse', '--verify', 'other/new')).toMatch(/^[0-9a-f]{40}$/)
})

test('copyLocal() takes the branch of a linked work tree', async () => {
  const { git, copy } = world()
  git('main', 'worktree', 'add', '-q', '../linked', 'other')
  const { origin, branch } = await copy('linked')
  expect(branch).toBe('other')
  expect(git(origin, 'symbolic-ref', 'HEAD')).toBe('refs/heads/other')
})

test('copyLocal() takes a shallow and a bare repository', async () => {
  const { root, git, copy } = world()
  git('', 'clone', '-q', '--depth', '1', `file://${root}/main`, 'shallow')
  git('', 'clone', '-q', '--bare', 'main', 'bare.git')
  const shallow = await copy('shallow')
  expect(git(shallow.origin, 'rev-list', '--count', 'trunk')).toBe('1')
  const bare = await copy('bare.git')
  expect(git(bare.origin, 'rev-list', '--count', 'trunk')).toBe('3')
})

test('copyLocal() makes a branch where only a commit is checked out', async () => {
  const { git, copy } = world()
  git('main', 'checkout', '-q', '--detach', 'HEAD~2')
  const { origin, branch } = await copy('main')
  expect(git(origin, 'rev-parse', branch)).toBe(git('main', 'rev-parse', 'HEAD'))
})

test.skipIf(process.getuid?.() !== 0)(
  "copyLocal() takes another person's folder, which git alone refuses",
  async () => {
    const { root, git, copy } = world()
    const own = (path: string) => {
      chownSync(path, 12_345, 12_345)
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory()) own(join(path, entry.name))
        else chownSync(join(path, entry.name), 12_345, 12_345)
      }
    }
    own(join(root, 'main'))
    expect(() => git('main', '-c', 'safe.directory=', 'rev-parse', 'HEAD')).toThrow()
    const { origin } = await copy('main')
    expect(git(origin, 'rev-list', '--count', 'trunk')).toBe('3')
  },
)

test('inspectSource() counts what is not committed, from a folder in it too, and leaves the index alone', async () => {
  const { root, inspect } = world()
  mkdirSync(join(root, 'main', 'sub'))
  writeFileSync(join(root, 'main', 'f1'), 'changed\n')
  writeFileSync(join(root, 'main', 'sub', 'new\nname'), '')
  expect(await inspect('main/sub')).toMatchObject({
    path: join(root, 'main'),
    uncommitted: 2,
    branch: 'trunk',
    isBare: false,
  })
})

test('inspectSource() runs nothing that the repository names', async () => {
  const { root, git, inspect } = world()
  const marker = join(root, 'ran')
  const program = join(root, 'program')
  writeFileSync(program, `#!/bin/sh\ntouch ${marker}\ncat\n`, { mode: 0o755 })
  git('main', 'config', 'filter.evil.clean', program)
  git('main', 'config', 'filter.evil.process', program)
  git('main', 'config', 'filter.evil.required', 'true')
  git('main', 'config', 'core.fsmonitor', program)
  git('main', 'config', 'core.hooksPath', root)
  writeFileSync(join(root, 'main', '.gitattributes'), '* filter=evil\n')
  writeFileSync(join(root, 'main', 'f1'), 'X\n')
  await inspect('main')
  expect(existsSync(marker)).toBe(false)
  // The control: a plain git does run it.
  try {
    git('main', 'status')
  } catch {
    // The program speaks no filter protocol; it ran, which is the point.
  }
  expect(existsSync(marker)).toBe(true)
})

test.each([
  ['nothing', 'there is no such folder'],
  ['plain', 'it is not a git repository'],
  ['empty', 'it has no commit yet'],
  ['unborn', 'its current branch has no commit'],
])('inspectSource() of %s says "%s" with exit code 2', async (path, message) => {
  const { root, git, inspect } = world()
  mkdirSync(join(root, 'plain'))
  mkdirSync(join(root, 'empty'))
  git('empty', 'init', '-q')
  git('', 'clone', '-q', 'main', 'unborn')
  git('unborn', 'checkout', '-q', '--orphan', 'fresh')
  await expect(inspect(path)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
})

test('ensureSampleRepository() makes the same commit every time and keeps the branches of earlier runs', async () => {
  const { root, git } = world()
  const origin = join(root, 'sample.git')
  await ensureSampleRepository(origin, hostGit(env))
  const first = git('sample.git', 'rev-parse', 'main')
  git('sample.git', 'branch', 'drydock/x')
  await ensureSampleRepository(origin, hostGit(env))
  expect(git('sample.git', 'rev-parse', 'main')).toBe(first)
  expect(git('sample.git', 'branch', '--list', 'drydock/x')).toBe('drydock/x')
  git('', 'clone', '-q', 'sample.git', 'sample')
  expect(execFileSync(join(root, 'sample', 'test', 'run'), { encoding: 'utf8' })).toBe('ok: 6 words\n')
})
