import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forgetTrees } from '../../forge/forget-trees.ts'
import { limitedGit } from '../../forge/git.ts'
import { createMirrors } from '../../forge/mirror.ts'
import type { MirrorView, Mirrors } from '../../forge/mirrors.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

const path = process.env.PATH ?? ''
let folder: Folder
let origin: Origin
let mirrors: Mirrors
let view: MirrorView
let base: string
beforeEach(async () => {
  folder = temporaryFolder()
  origin = makeOrigin(folder.path)
  base = origin.commit({ 'a.txt': 'a' })
  const made = { folder: mirrorsIn(), repositoryRoots: [folder.path], allowedHosts: [], path }
  mirrors = createMirrors(made)
  view = await mirrors.open({ forge: 'git', address: origin.bare }, new AbortController().signal)
})
afterEach(async () => {
  await view[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const mirrorsIn = () => join(folder.path, 'mirrors')
const never = () => Promise.resolve(false)
const options = () => ({ folder: mirrorsIn(), git: limitedGit(path), keepsAny: never, youngMs: 0 })
const packs = () => readdirSync(join(view.store, 'objects', 'pack')).sort()

const run = (input: string, ...args: string[]) =>
  execFileSync('git', args, { cwd: view.store, input }).toString().trim()

/** What a sandbox would have sent: a pack of one tree and its file; and the commit on it that the host made. */
async function change(text: string): Promise<{ tree: string; file: string; commit: string }> {
  const file = run(text, 'hash-object', '-w', '--stdin')
  const tree = run(`100644 blob ${file}\ta.txt\n`, 'mktree')
  run(`${tree}\n${file}\n`, 'pack-objects', '--quiet', 'objects/pack/pack')
  run('', 'prune-packed')
  const person = { name: 'Ada', email: 'ada@example.com' }
  const about = { message: `Prompt: ${text}`, author: person, committer: person, date: new Date(1_700_000_000_000) }
  return { tree, file, commit: await mirrors.commit(view, { tree, parent: base, ...about }) }
}

const has = (id: string) => git(view.store, 'cat-file', '--batch-check', '--batch-all-objects').includes(id)

test('forgetTrees() removes pack and commit of a tree, and leaves those of others and of the origin', async () => {
  const [gone, kept] = [await change('gone'), await change('kept')]
  expect([gone.tree, gone.file, gone.commit, kept.commit].map(has)).toEqual([true, true, true, true])
  await forgetTrees(new Set([gone.tree]), options())
  expect([gone.tree, gone.file, gone.commit].map(has)).toEqual([false, false, false])
  expect([kept.tree, kept.file, kept.commit, base].map(has)).toEqual([true, true, true, true])
  await forgetTrees(new Set([gone.tree]), options())
  expect(packs()).toHaveLength(2)
})

test('forgetTrees() leaves what was written a moment ago: another task may have the same tree in the making', async () => {
  const { tree, commit } = await change('young')
  await forgetTrees(new Set([tree]), { ...options(), youngMs: 3_600_000 })
  expect([tree, commit].map(has)).toEqual([true, true])
})

test("forgetTrees() leaves packs with commits: they are the origin's old history", async () => {
  const { tree, file, commit } = await change('published, and deleted at the origin since')
  run(`${tree}\n${file}\n${commit}\n`, 'pack-objects', '--quiet', 'objects/pack/pack')
  await forgetTrees(new Set([tree]), options())
  expect([tree, file, commit].map(has)).toEqual([true, true, true])
})

test('forgetTrees() leaves the pack of a change that stays, also where it has the tree of another in a folder', async () => {
  const gone = await change('gone')
  const tree = run(`040000 tree ${gone.tree}\tfolder\n`, 'mktree')
  run(`${tree}\n${gone.tree}\n${gone.file}\n`, 'pack-objects', '--quiet', 'objects/pack/pack')
  run('', 'prune-packed')
  const asked: string[][] = []
  const keepsAny = (ids: readonly string[]) => Promise.resolve(asked.push([...ids]) > 0 && ids.includes(tree))
  await forgetTrees(new Set([gone.tree]), { ...options(), keepsAny })
  expect(asked.flat()).toEqual(expect.arrayContaining([tree, gone.tree, gone.file]))
  expect(packs().filter((name) => name.endsWith('.pack'))).toHaveLength(1)
  expect(run(tree, 'cat-file', '--batch-check')).toContain('tree')
  expect([tree, gone.tree, gone.file].map(has)).toEqual([true, true, true])
})
