import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createMirrors } from '../../forge/mirror.ts'
import type { Mirrors, MirrorView, Remote } from '../../forge/mirrors.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

// Many git processes each, beside other tests on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let folder: Folder
let origin: Origin
let mirrors: Mirrors
let remote: Remote
const { signal } = new AbortController()
const path = process.env.PATH ?? ''

beforeEach(() => {
  folder = temporaryFolder()
  origin = makeOrigin(folder.path)
  mirrors = makeMirrors()
  remote = { forge: 'git', address: origin.bare }
})
afterEach(() => folder[Symbol.dispose]())

function makeMirrors(): Mirrors {
  return createMirrors({ folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path })
}

/** Every object in a mounted folder, asked of a repository that is nothing but that folder. */
function objectsOf(view: MirrorView): string[] {
  return git(join(view.objects, '..'), 'cat-file', '--batch-all-objects', '--batch-check=%(objectname)')
    .split('\n')
    .sort()
}

function reachable(bare: string): string[] {
  const lines = git(bare, 'rev-list', '--objects', '--branches', '--tags').split('\n')
  return [...new Set(lines.map((line) => line.slice(0, 40)))].sort()
}

function commitOn(view: MirrorView, parent: string, message = 'Work'): Promise<string> {
  const tree = git(join(view.objects, '..'), 'rev-parse', `${parent}^{tree}`)
  const person = { name: 'Ada', email: 'ada@example.com' }
  return mirrors.commit(view, {
    tree,
    parent,
    message,
    author: person,
    committer: person,
    date: new Date(1_700_000_000_000),
  })
}

test('open() gives refs, default branch and the origin objects, no more', async () => {
  git(origin.work, 'tag', '-a', 'v1', '-m', 'one')
  git(origin.work, 'push', '-q', 'origin', 'v1')
  const head = origin.commit({ 'a.txt': 'a' })
  await using view = await mirrors.open(remote, signal)
  expect(view.defaultBranch).toBe('main')
  expect(view.refs).toContainEqual({ name: 'refs/heads/main', commit: head })
  expect(view.refs).toContainEqual({ name: 'refs/tags/v1', commit: git(origin.bare, 'rev-parse', 'v1^{commit}') })
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})

test('open() sees new commits', async () => {
  await (await mirrors.open(remote, signal))[Symbol.asyncDispose]()
  const head = origin.commit({ 'a.txt': 'b' })
  await using view = await mirrors.open(remote, signal)
  expect(view.refs).toEqual([{ name: 'refs/heads/main', commit: head }])
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})

test('push() makes the branch, counts a repetition as pushed, never overwrites', async () => {
  await using view = await mirrors.open(remote, signal)
  const base = git(origin.bare, 'rev-parse', 'main')
  const commit = await commitOn(view, base)
  expect(await commitOn(view, base)).toBe(commit)
  const input = { commit, branch: 'drydock/x-1' }
  expect(await mirrors.push(view, remote, input, signal)).toEqual({ kind: 'pushed' })
  expect(await mirrors.push(view, remote, input, signal)).toEqual({ kind: 'pushed' })
  expect(git(origin.bare, 'rev-parse', 'drydock/x-1')).toBe(commit)
  const other = await commitOn(view, base, 'Other')
  expect(await mirrors.push(view, remote, { commit: other, branch: 'drydock/x-1' }, signal)).toEqual({
    kind: 'taken',
    at: commit,
  })
  expect(git(origin.bare, 'rev-parse', 'drydock/x-1')).toBe(commit)
})

test('push() moves a branch on from the commit that it replaces, and from no other', async () => {
  await using view = await mirrors.open(remote, signal)
  const base = git(origin.bare, 'rev-parse', 'main')
  const branch = 'drydock/moved'
  const first = await commitOn(view, base)
  expect(await mirrors.push(view, remote, { commit: first, branch }, signal)).toEqual({ kind: 'pushed' })
  const second = { commit: await commitOn(view, first, 'Second'), branch, replaces: first }
  expect(await mirrors.push(view, remote, second, signal)).toEqual({ kind: 'pushed' })
  // As after an answer that was lost.
  expect(await mirrors.push(view, remote, second, signal)).toEqual({ kind: 'pushed' })
  const late = { commit: await commitOn(view, first, 'Late'), branch, replaces: first }
  expect(await mirrors.push(view, remote, late, signal)).toEqual({ kind: 'taken', at: second.commit })
  expect(git(origin.bare, 'rev-parse', branch)).toBe(second.commit)
})

test('open() after a force push removes what is unreachable, and the store keeps it', async () => {
  const old = origin.commit({ 'secret.txt': 'force-pushed away' })
  const first = await mirrors.open(remote, signal)
  const published = await commitOn(first, old)
  git(origin.work, 'reset', '-q', '--hard', 'HEAD~1')
  origin.commit({ 'other.txt': 'other' })
  const second = await mirrors.open(remote, signal)
  // The first view still holds its base.
  expect(objectsOf(second)).toContain(old)
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  expect(objectsOf(second)).toEqual(reachable(origin.bare))
  await using third = await mirrors.open(remote, signal)
  expect(objectsOf(third)).toEqual(reachable(origin.bare))
  expect(await mirrors.push(third, remote, { commit: published, branch: 'drydock/late' }, signal)).toEqual({
    kind: 'pushed',
  })
  expect(git(origin.bare, 'show', 'drydock/late:secret.txt')).toBe('force-pushed away')
})

test('open() after a deleted branch and tag forgets them, and their objects', async () => {
  git(origin.work, 'checkout', '-q', '-b', 'side')
  const side = origin.commit({ 'side.txt': 'side' })
  git(origin.work, 'tag', '-a', 'gone', '-m', 'gone')
  git(origin.work, 'push', '-q', 'origin', 'gone')
  await (await mirrors.open(remote, signal))[Symbol.asyncDispose]()
  git(origin.bare, 'update-ref', '-d', 'refs/heads/side')
  git(origin.bare, 'update-ref', '-d', 'refs/tags/gone')
  await using view = await mirrors.open(remote, signal)
  expect(view.refs.map(({ name }) => name)).toEqual(['refs/heads/main'])
  expect(objectsOf(view)).not.toContain(side)
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})

test('the mount holds nothing that was collected or published, nor other refs of the origin', async () => {
  git(origin.work, 'push', '-q', 'origin', `${origin.commit({ 'pull.txt': 'from a fork' })}:refs/pull/1/head`)
  git(origin.work, 'reset', '-q', '--hard', 'HEAD~1')
  git(origin.work, 'push', '-q', '-f', 'origin', 'HEAD:main')
  await using view = await mirrors.open(remote, signal)
  const commit = await commitOn(view, git(origin.bare, 'rev-parse', 'main'))
  await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)
  expect(objectsOf(view)).not.toContain(commit)
  git(origin.bare, 'update-ref', '-d', 'refs/heads/drydock/x')
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})

test('open() by many at once fetches once', async () => {
  const head = origin.commit({ 'a.txt': 'a' })
  const views = await Promise.all(Array.from({ length: 8 }, () => mirrors.open(remote, signal)))
  expect(views.map((view) => view.refs[0]?.commit)).toEqual(Array.from({ length: 8 }, () => head))
  expect(readdirSync(join(views[0]?.objects ?? '', 'pack')).filter((name) => name.endsWith('.pack'))).toHaveLength(1)
  for (const view of views) await view[Symbol.asyncDispose]()
})

test('open() heals what a killed process left', async () => {
  const view = await mirrors.open(remote, signal)
  await view[Symbol.asyncDispose]()
  const root = join(view.objects, '..', '..')
  const orphan = git(origin.bare, 'rev-parse', 'main')
  origin.commit({ 'a.txt': 'a' }, 'Next')
  // As a fetch leaves it that was killed after its pack was in place, before the refs moved.
  git(join(view.objects, '..'), 'fetch', '-q', '--no-write-fetch-head', origin.bare, 'main')
  writeFileSync(join(root, 'fetching'), orphan)
  writeFileSync(join(root, 'objects.git', 'objects', 'pack', 'tmp_pack_x'), 'half')
  writeFileSync(join(root, 'objects.git', 'packed-refs.lock'), '')
  writeFileSync(join(root, 'objects.git', 'refs', 'heads', 'main.lock'), '')
  mkdirSync(`${root}.tmp-abc`)
  git(origin.work, 'commit', '-q', '--amend', '-m', 'Amended')
  git(origin.work, 'push', '-q', '-f', 'origin', 'HEAD')
  await using healed = await makeMirrors().open(remote, signal)
  expect(objectsOf(healed)).toEqual(reachable(origin.bare))
  expect(
    readdirSync(healed.objects, { recursive: true, encoding: 'utf8' }).filter((name) => /tmp|lock/.test(name)),
  ).toEqual([])
  expect(readdirSync(join(root, '..')).filter((name) => name.includes('.tmp-'))).toEqual([])
})

test('open() that is aborted leaves a mirror that works', async () => {
  const stop = new AbortController()
  const opening = mirrors.open(remote, stop.signal)
  stop.abort(new Error('stopped'))
  await expect(opening).rejects.toThrow('stopped')
  await using view = await mirrors.open(remote, signal)
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})

test('open() of a missing, an empty and no repository tells them apart', async () => {
  const open = (address: string) => mirrors.open({ forge: 'git', address }, signal)
  git(folder.path, 'init', '-q', '--bare', 'empty.git')
  mkdirSync(join(folder.path, 'plain'))
  await expect(open(join(folder.path, 'none.git'))).rejects.toMatchObject({ code: 'repository-not-found' })
  await expect(open(join(folder.path, 'plain'))).rejects.toMatchObject({ code: 'repository-not-found' })
  await expect(open(join(folder.path, 'empty.git'))).rejects.toMatchObject({ code: 'repository-empty' })
})

test('open() of a work tree, a linked work tree and a shallow clone works', async () => {
  const head = origin.commit({ 'a.txt': 'a' })
  git(origin.work, 'worktree', 'add', '-q', '-b', 'linked', join(folder.path, 'linked'))
  git(folder.path, 'clone', '-q', '--depth', '1', `file://${origin.bare}`, 'shallow')
  for (const name of ['origin-work', 'linked', 'shallow']) {
    const source: Remote = { forge: 'git', address: join(folder.path, name) }
    await using view = await mirrors.open(source, signal)
    expect(view.refs).toContainEqual({ name: 'refs/heads/main', commit: head })
    expect(view.shallow).toEqual(name === 'shallow' ? [head] : undefined)
    const commit = await commitOn(view, head)
    expect(await mirrors.push(view, source, { commit, branch: `drydock/${name}` }, signal)).toEqual({ kind: 'pushed' })
  }
})

test.skipIf(process.getuid?.() !== 0)('open() and push() work on a repository of another user', async () => {
  execFileSync('chown', ['-R', '12345:12345', origin.bare])
  await using view = await mirrors.open(remote, signal)
  const commit = await commitOn(view, view.refs[0]?.commit ?? '')
  expect(await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)).toEqual({ kind: 'pushed' })
})

test.each([
  ['on a missing branch', 'refs/heads/nothing', 'main'],
  ['on another branch', 'refs/heads/zeta', 'zeta'],
])('open() with HEAD %s gives a default branch', async (_, head, branch) => {
  git(origin.bare, 'branch', 'zeta', 'main')
  git(origin.bare, 'symbolic-ref', 'HEAD', head)
  await using view = await mirrors.open(remote, signal)
  expect(view.defaultBranch).toBe(branch)
})

test('commit() writes names that cannot break the header', async () => {
  await using view = await mirrors.open(remote, signal)
  const parent = view.refs[0]?.commit ?? ''
  const tree = git(origin.bare, 'rev-parse', `${parent}^{tree}`)
  const author = { name: 'Eve\ncommitter <x>', email: ' e@x>\n' }
  const input = { tree, parent, message: 'M\0x', author, committer: { name: '<>', email: '' }, date: new Date(5000) }
  const id = await mirrors.commit(view, input)
  const text = git(view.store, 'cat-file', 'commit', id)
  expect(text).toContain('author Eve committer x <e@x> 5 +0000\ncommitter Drydock <drydock@localhost> 5 +0000\n\nMx')
})

test.each(['../x', 'a b', '-x', 'a..b', 'x.lock', 'a\nb', ''])('push() refuses the branch name %j', async (branch) => {
  await using view = await mirrors.open(remote, signal)
  const push = mirrors.push(view, remote, { commit: view.refs[0]?.commit ?? '', branch }, signal)
  await expect(push).rejects.toMatchObject({ code: 'invalid-request' })
})

test('open() takes commits with flaws that old repositories have', async () => {
  const tree = git(origin.bare, 'rev-parse', 'main^{tree}')
  const file = join(folder.path, 'commit')
  writeFileSync(file, `tree ${tree}\nauthor A <a@a> 1 +051800\ncommitter A <a@a> 1 +051800\n\nold\n`)
  const commit = git(origin.bare, 'hash-object', '-t', 'commit', '-w', '--literally', file)
  git(origin.bare, 'update-ref', 'refs/heads/main', commit)
  await using view = await mirrors.open(remote, signal)
  expect(view.refs).toEqual([{ name: 'refs/heads/main', commit }])
})

test('open() over ssh checks host keys, asks nobody and pins the address', async () => {
  const bin = join(folder.path, 'bin')
  mkdirSync(bin)
  // Writes down its arguments and runs the last one, as a server would.
  const record = join(folder.path, 'arguments')
  writeFileSync(
    join(bin, 'ssh'),
    `#!/bin/sh\nprintf '%s\\n' "$@" >${record}\nfor last; do :; done\nexec sh -c "$last"\n`,
    { mode: 0o755 },
  )
  const options = {
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [],
    allowedHosts: ['git.example'],
    resolve: async () => ['10.1.2.3'],
    path: `${bin}:${path}`,
  }
  const address = `ssh://git@git.example:2222${origin.bare}`
  await expect(createMirrors(options).open({ forge: 'git', address }, signal)).rejects.toMatchObject({
    code: 'repository-refused',
    message: expect.stringContaining('knownHosts'),
  })
  await using view = await createMirrors({ ...options, knownHosts: '/etc/known' }).open(
    { forge: 'git', address },
    signal,
  )
  expect(view.defaultBranch).toBe('main')
  const given = readFileSync(record, 'utf8').split('\n')
  const wanted = [
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'HostName=10.1.2.3',
    'HostKeyAlias=[git.example]:2222',
    'UserKnownHostsFile="/etc/known"',
  ]
  expect(given).toEqual(expect.arrayContaining(wanted.map((option) => `-o${option}`)))
})

test('open() that waits for another fetch ends when it is aborted', async () => {
  const stop = new AbortController()
  const first = mirrors.open(remote, signal)
  const second = mirrors.open(remote, stop.signal)
  stop.abort(new Error('stopped'))
  await expect(second).rejects.toThrow('stopped')
  await (await first)[Symbol.asyncDispose]()
  origin.commit({ 'a.txt': 'a' })
  git(origin.work, 'reset', '-q', '--hard', 'HEAD~1')
  await using view = await mirrors.open(remote, signal)
  expect(objectsOf(view)).toEqual(reachable(origin.bare))
})
