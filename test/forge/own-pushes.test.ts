import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limitedGit } from '../../forge/git.ts'
import { createMirrors } from '../../forge/mirror.ts'
import type { HeldMirror, Mirrors, MirrorView } from '../../forge/mirrors.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let folder: Folder
let origin: Origin
let mirrors: Mirrors
let now: number
/** What host git was asked for. */
let asked: string[]
const { signal } = new AbortController()
const path = process.env.PATH ?? ''

beforeEach(() => {
  folder = temporaryFolder()
  origin = makeOrigin(folder.path)
  now = 0
  asked = []
  const run = limitedGit(path)
  mirrors = createMirrors({
    ...{ folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path },
    git: (args, options) => {
      asked.push(args[0] ?? '')
      return run(args, options)
    },
    clock: () => now,
  })
})
afterEach(() => folder[Symbol.dispose]())

const remote = () => ({ forge: 'git' as const, address: origin.bare })
const names = ({ refs }: MirrorView) => refs.map(({ name }) => name).sort()

async function pushed(held: HeldMirror, branch: string): Promise<string> {
  const parent = git(origin.bare, 'rev-parse', 'main')
  const person = { name: 'Ada', email: 'ada@example.com' }
  const commit = await mirrors.commit(held as MirrorView, {
    ...{ tree: git(origin.bare, 'rev-parse', 'main^{tree}'), parent, message: branch },
    ...{ author: person, committer: person, date: new Date(0) },
  })
  expect(await mirrors.push(held, remote(), { commit, branch }, signal)).toEqual({ kind: 'pushed' })
  return commit
}

test('a branch that was pushed from here is not fetched for the next task, but with whatever else is new', async () => {
  await using view = await mirrors.open(remote(), signal)
  await pushed(view, 'drydock/x')
  const fetches = () => asked.filter((word) => word === 'fetch').length
  const before = fetches()
  await using second = await mirrors.open(remote(), signal)
  expect([names(second), fetches() - before]).toEqual([['refs/heads/main'], 0])
  const head = origin.commit({ 'a.txt': 'new' })
  await using third = await mirrors.open(remote(), signal)
  expect([names(third), fetches() - before]).toEqual([['refs/heads/drydock/x', 'refs/heads/main'], 1])
  expect(third.refs).toContainEqual({ name: 'refs/heads/main', commit: head })
})

test('it is fetched when it is asked for, when half a minute is over, and when somebody moved it', async () => {
  await using view = await mirrors.open(remote(), signal)
  const commit = await pushed(view, 'drydock/x')
  await using wanted = await mirrors.open(remote(), signal, 'drydock/x')
  expect(wanted.refs).toContainEqual({ name: 'refs/heads/drydock/x', commit })

  await pushed(view, 'drydock/y')
  now += 30_000
  await using later = await mirrors.open(remote(), signal)
  expect(names(later)).toContain('refs/heads/drydock/y')

  await pushed(view, 'drydock/z')
  git(origin.bare, 'update-ref', 'refs/heads/drydock/z', 'main')
  await using moved = await mirrors.open(remote(), signal)
  expect(moved.refs).toContainEqual({
    name: 'refs/heads/drydock/z',
    commit: git(origin.bare, 'rev-parse', 'main'),
  })
})

test('one that moved on from a commit that is known, or was deleted, counts as it is known until then', async () => {
  await using view = await mirrors.open(remote(), signal)
  const first = await pushed(view, 'drydock/x')
  await using known = await mirrors.open(remote(), signal, 'drydock/x')
  const commit = git(origin.bare, 'rev-parse', 'main')
  const input = { commit, branch: 'drydock/x', replaces: first }
  expect(await mirrors.push(known, remote(), input, signal)).toEqual({ kind: 'pushed' })
  await using before = await mirrors.open(remote(), signal)
  expect(before.refs).toContainEqual({ name: 'refs/heads/drydock/x', commit: first })
  git(origin.bare, 'update-ref', '-d', 'refs/heads/drydock/x')
  await using gone = await mirrors.open(remote(), signal)
  expect(names(gone)).toEqual(['refs/heads/main'])
})

test('a named branch of a repository that is empty now is refused before a fetch would empty the mirror', async () => {
  await (await mirrors.open(remote(), signal))[Symbol.asyncDispose]()
  git(origin.bare, 'update-ref', '-d', 'refs/heads/main')
  asked = []
  await expect(mirrors.open(remote(), signal, 'main')).rejects.toMatchObject({ code: 'repository-empty' })
  expect(asked).not.toContain('fetch')
})

test('hold() asks the origin for nothing; what is held can be published, also by a process that just started', async () => {
  const opened = await mirrors.open(remote(), signal)
  const parent = git(origin.bare, 'rev-parse', 'main')
  await opened[Symbol.asyncDispose]()
  asked = []
  await using held = await mirrors.hold(remote(), signal)
  expect(asked).toEqual([])
  expect(await pushed(held, 'drydock/x')).not.toBe(parent)

  mirrors = createMirrors({
    ...{ folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path },
  })
  await using again = await mirrors.hold(remote(), signal)
  await pushed(again, 'drydock/y')
  expect(git(origin.bare, 'branch', '--list', 'drydock/*').split('\n')).toHaveLength(2)
})

test('hold() makes a mirror that is not there, from which there is nothing to publish', async () => {
  await using held = await mirrors.hold(remote(), signal)
  expect(existsSync(held.store)).toBe(true)
  rmSync(origin.bare, { recursive: true })
  const input = { commit: 'c'.repeat(40), branch: 'drydock/x' }
  await expect(mirrors.push(held, remote(), input, signal)).rejects.toThrow()
})
