import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forgetTrees } from '../../forge/forget-trees.ts'
import { gatherPacks } from '../../forge/gather-packs.ts'
import { limitedGit } from '../../forge/git.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import type { Folder } from '../support/git-fixture.ts'

const git = limitedGit(process.env.PATH ?? '')
let folder: Folder
let mirrors: string
let store: string
beforeEach(() => {
  folder = temporaryFolder()
  mirrors = join(folder.path, 'mirrors')
  store = makeStore('a')
})
afterEach(() => folder[Symbol.dispose]())

function makeStore(letter: string): string {
  const made = join(mirrors, letter.repeat(64), 'store.git')
  mkdirSync(made, { recursive: true })
  execFileSync('git', ['init', '--bare', '-q', made])
  return made
}

const run = (input: string, ...args: string[]) => execFileSync('git', args, { cwd: store, input }).toString().trim()
const commonIndex = () => join(store, 'objects', 'pack', 'multi-pack-index')
const packs = () => readdirSync(join(store, 'objects', 'pack')).filter((name) => name.endsWith('.pack'))
const kindOf = (id: string) => run(id, 'cat-file', '--batch-check').split(' ')[1]
const gather = (minNewPacks = 2) => gatherPacks({ folder: mirrors, git, minNewPacks })
const forget = (tree: string) =>
  forgetTrees(new Set([tree]), { folder: mirrors, git, keepsAny: () => Promise.resolve(false), youngMs: 0 })

/** A pack as a change is: a tree, the files in it. */
function change(...texts: string[]): { tree: string; files: string[] } {
  const files = texts.map((text) => run(text, 'hash-object', '-w', '--stdin'))
  const tree = run(files.map((file, i) => `100644 blob ${file}\t${i}.txt\n`).join(''), 'mktree')
  run(`${[tree, ...files].join('\n')}\n`, 'pack-objects', '--quiet', 'objects/pack/pack')
  run('', 'prune-packed')
  return { tree, files }
}

test('gatherPacks() writes one index over many packs, and leaves few alone', async () => {
  change('one')
  await gather()
  expect(existsSync(commonIndex())).toBe(false)
  const second = change('two')
  await gather()
  expect(existsSync(commonIndex())).toBe(true)
  run('', 'multi-pack-index', 'verify')
  expect([packs().length, kindOf(second.tree)]).toEqual([2, 'tree'])
})

test('gatherPacks() begins again once as many have come since', async () => {
  change('one')
  change('two')
  await gather()
  const before = new Date(Date.now() - 60_000)
  for (const name of readdirSync(join(store, 'objects', 'pack')))
    utimesSync(join(store, 'objects', 'pack', name), before, before)
  const listed = () => readFileSync(commonIndex(), 'latin1').match(/pack-[0-9a-f]{40}\.idx/g)
  const third = change('three')
  await gather()
  expect([listed()?.length, kindOf(third.tree)]).toEqual([2, 'tree'])
  change('four')
  await gather()
  expect(listed()).toHaveLength(4)
})

test('what forgetTrees() takes is gone from a gathered store, and what other packs have too stays', async () => {
  const shared = 'in both'
  const [gone, kept] = [change('gone', shared), change('kept', shared)]
  const after = change('another')
  await gather()
  await forget(gone.tree)
  expect(existsSync(commonIndex())).toBe(false)
  expect([gone.tree, gone.files[0] ?? ''].map(kindOf)).toEqual(['missing', 'missing'])
  expect([kept.tree, ...kept.files, after.tree].map(kindOf)).toEqual(['tree', 'blob', 'blob', 'tree'])
  await gather()
  expect([kept.tree, ...kept.files].map(kindOf)).toEqual(['tree', 'blob', 'blob'])
})

test('forgetTrees() that has nothing to take leaves the index', async () => {
  change('one')
  change('two')
  await gather()
  await forget('0'.repeat(40))
  expect(existsSync(commonIndex())).toBe(true)
})

test('gatherPacks() goes on past a store that git refuses, and where there is no folder', async () => {
  const broken = store
  change('one')
  execFileSync('sh', ['-c', 'for i in 1 2 3; do echo no > "objects/pack/pack-$i.idx"; done'], { cwd: broken })
  store = makeStore('b')
  change('two')
  change('three')
  await gather()
  expect(existsSync(commonIndex())).toBe(true)
  await gatherPacks({ folder: join(folder.path, 'nothing'), git })
})
