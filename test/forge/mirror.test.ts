import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMirrors } from '../../forge/mirror.ts'
import type { Mirrors, MirrorView, Remote } from '../../forge/mirrors.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

let folder: Folder
let origin: Origin
let mirrors: Mirrors
let remote: Remote
const signal = AbortSignal.timeout(60_000)
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
