import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { git } from '../../support/git-fixture.ts'
import { NEVER, sh } from '../sandbox/harness.ts'
import { agent, checkedOut, collected, listTree, settled, useWorkspaces } from './harness.ts'
import type { World } from './harness.ts'

const workspaces = useWorkspaces()
let world: World
let sandbox: Sandbox

beforeAll(async () => {
  world = await workspaces.open((origin) => {
    origin.commit({ 'a.txt': 'one\ntwo\n', 'folder/b.txt': 'b\n', '.gitignore': 'ignored/\n' })
    git(origin.work, 'checkout', '-q', '-b', 'feature/x')
    origin.commit({ 'only-x.txt': 'x\n' })
    git(origin.work, 'checkout', '-q', 'main')
    git(origin.work, 'tag', '-a', 'v1', '-m', 'one')
    git(origin.work, 'push', '-q', 'origin', 'v1')
  })
})
afterAll(() => world[Symbol.asyncDispose]())

beforeEach(async () => {
  sandbox = await world.started()
  return () => sandbox.destroy()
})

test('checkOut() gives the agent a repository of its own', async () => {
  const log = await checkedOut(world, sandbox)
  expect(log).toContain(`Checked out main at ${world.base.commit.slice(0, 10)}`)
  const seen = await agent(
    sandbox,
    `git status --porcelain; git rev-parse HEAD main origin/main 'v1^{commit}'; git branch --show-current
     git log -1 --format=%H origin/feature/x; stat -c '%U %u' . a.txt .git/index; git fsck 2>&1; ls /drydock 2>&1; git commit -q --allow-empty -m mine && echo done`,
  )
  const { commit } = world.base
  expect(seen.split('\n').slice(0, 5)).toEqual([commit, commit, commit, commit, 'main'])
  expect(seen).toContain(git(world.origin.work, 'rev-parse', 'feature/x'))
  expect(seen.match(/agent 1000/g)).toHaveLength(3)
  expect(seen).toContain('Permission denied')
  expect(seen).toContain('done')
})

test('collect() gives an applyable patch, stats and flagged paths of what the agent left', async () => {
  await checkedOut(world, sandbox)
  await agent(
    sandbox,
    `printf 'one\\nTWO\\nthree\\n' > a.txt; git mv folder/b.txt moved.txt; mkdir -p .github/workflows ignored
     echo x > .github/workflows/ci.yml; echo y > ignored/z; head -c 3000 /dev/urandom > bin; chmod +x a.txt; ln -s /etc/passwd link
     git add bin; git commit -q -m 'of the agent'`,
  )
  const change = await collected(world, sandbox)
  expect(change.stats).toEqual({ files: 5, additions: 4, deletions: 1 })
  expect(change.skipped).toEqual([])
  expect(change.flagged).toEqual([
    { path: '.github/workflows/ci.yml', why: 'continuous integration' },
    { path: 'link', why: 'symlink to a place outside of the repository' },
  ])
  const patch = join(world.folder, 'patch')
  writeFileSync(patch, change.patch)
  git(world.origin.work, 'apply', '--index', '--whitespace=nowarn', patch)
  expect(git(world.origin.work, 'write-tree')).toBe(change.tree)
  git(world.origin.work, 'reset', '-q', '--hard')
  const commit = await world.publish(change, 'drydock/one')
  expect(git(world.origin.bare, 'rev-parse', 'drydock/one')).toBe(commit)
  expect(listTree(world.origin.bare, commit)).toHaveLength(7)
})

test('collect() of an untouched checkout is empty', async () => {
  await checkedOut(world, sandbox)
  expect(await collected(world, sandbox)).toMatchObject({ stats: { files: 0 }, skipped: [] })
})

test('checkOut() where set-up ran keeps what it made and checks out another branch', async () => {
  await checkedOut(world, sandbox)
  const setup = 'mkdir -p ignored; echo made > ignored/by-setup; echo changed > a.txt; echo own > .git/hooks/pre-commit'
  await agent(sandbox, `${setup}; rm -f folder/b.txt`, { user: 'root' })
  const commit = git(world.origin.work, 'rev-parse', 'feature/x')
  await checkedOut(world, sandbox, { commit, branch: 'feature/x' })
  const seen = await agent(
    sandbox,
    'git status --porcelain; cat ignored/by-setup only-x.txt a.txt .git/hooks/pre-commit; find . ! -user 1000; git branch --show-current',
  )
  expect(seen).toBe('made\nx\none\ntwo\nown\nfeature/x\n')
  const drift = 'GIT_WORK_TREE=/workspace GIT_DIR=/drydock/git git diff-index'
  const { stdout } = await sh(sandbox, `${drift} --cached ${commit}; ${drift} ${commit}; echo end`, { user: 'root' })
  expect(stdout).toBe('end\n')
})

test.each(['the same commit', 'another branch'])(
  'checkOut() of %s in a settled snapshot touches only what differs',
  async (what) => {
    const tag = `drydock/snapshot:test-${newId()}`
    await committed(tag)
    await using box = await world.started({ image: tag })
    try {
      const commit = git(world.origin.work, 'rev-parse', 'feature/x')
      const base = what === 'another branch' ? { commit, branch: 'feature/x' } : world.base
      const file = 'stat -c "%i %z" a.txt'
      const before = await agent(box, file)
      await checkedOut(world, box, base)
      expect(await agent(box, file)).toBe(before)
      const seen = await agent(
        box,
        'git status --porcelain; git branch --show-current; cat ignored/by-setup; ls only-x.txt || true',
      )
      expect(seen).toBe(`${base.branch}\nmade\n${what === 'another branch' ? 'only-x.txt\n' : ''}`)
      const drift = 'GIT_WORK_TREE=/workspace GIT_DIR=/drydock/git git diff-index'
      const { stdout } = await sh(box, `${drift} --cached ${base.commit}; echo end`, { user: 'root' })
      expect(stdout).toBe('end\n')
      // Of the same length and at the same second as before: only the inode's own time tells.
      await agent(box, 'cp -p a.txt /tmp/a; tr one eno < /tmp/a > a.txt; touch -r /tmp/a a.txt')
      expect((await collected({ ...world, base }, box)).stats).toMatchObject({ files: 1 })
    } finally {
      await box.destroy()
      await workspaces.engine.engine.removeImage(tag)
    }
  },
)

/** Commits a settled checkout of the default branch in which set-up changed, added and removed files. */
async function committed(tag: string): Promise<void> {
  await using box = await world.started()
  await checkedOut(world, box)
  const setup = 'mkdir -p ignored; echo made > ignored/by-setup; echo changed > a.txt; rm -f folder/b.txt'
  await agent(box, setup, { user: 'root' })
  await box.killAll(NEVER)
  await settled(world, box)
  await box.commit(tag, { 'drydock.installation': workspaces.engine.installation }, NEVER)
}

test('checkOut() says what it leaves out: submodules and LFS content; neither shows in the change', async () => {
  await using other = await workspaces.open((origin) => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'1'.repeat(64)}\nsize 5\n`
    origin.commit({ '.gitattributes': '*.psd filter=lfs diff=lfs merge=lfs -text\n', 'x.psd': pointer })
    const head = git(origin.work, 'rev-parse', 'HEAD')
    git(origin.work, 'update-index', '--add', '--cacheinfo', `160000,${head},libs/sub`)
    git(origin.work, 'commit', '-q', '-m', 'submodule')
    git(origin.work, 'push', '-q', 'origin', 'main')
  })
  await using box = await other.started()
  const log = await checkedOut(other, box)
  expect(log).toContain('submodules are not fetched; these folders stay empty: libs/sub')
  expect(log).toContain('these files are pointers, and stay as they are unless they are changed: x.psd')
  await agent(box, 'echo lost > libs/sub/file; echo new > new.txt')
  const change = await collected(other, box)
  expect(change.stats.files).toBe(1)
  expect(change.skipped).toEqual(['warning: libs/sub: what is inside a submodule is not collected'])
})

test('checkOut() of a commit that the mirror lacks is a failed checkout, in words', async () => {
  const base = { commit: '1'.repeat(40), branch: 'main' }
  await expect(checkedOut(world, sandbox, base)).rejects.toMatchObject({
    reason: 'checkout-failed',
    message: expect.stringContaining('Cannot check out branch "main" at 1111111111') as string,
  })
})

test('checkOut() takes branch names as data', async () => {
  await using other = await workspaces.open((origin) => {
    git(origin.work, 'push', '-q', 'origin', 'HEAD:refs/heads/$(touch${IFS}x);`id`"\'&é')
  })
  await using box = await other.started()
  const named = other.view.refs.find(({ name }) => name.includes('touch'))
  const branch = named?.name.replace('refs/heads/', '') ?? ''
  await checkedOut(other, box, { commit: named?.commit ?? '', branch })
  expect(await agent(box, 'git branch --show-current; git status --porcelain; ls')).toBe(`${branch}\nREADME.md\n`)
})
