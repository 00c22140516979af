import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { git } from '../../support/git-fixture.ts'
import { IS_LONG } from '../../support/long.ts'
import { agent, checkedOut, collected, useWorkspaces } from './harness.ts'
import type { World } from './harness.ts'
import { importOf, randomCase, scriptOf } from './random-trees.ts'
import type { Case } from './random-trees.ts'
import { expectedTree, parseWalk, WALK } from './walker.ts'
import type { Tracked } from './walker.ts'

// R3: what is published is what the agent left. Many random trees, each in a folder of its own, one collection.

const CASES = IS_LONG ? 120 : 50
const workspaces = useWorkspaces()

const HOSTILE_GIT = [
  'true',
  'rm -rf .git',
  'rm -rf .git; ln -s /etc .git',
  'echo "*" > .git/info/exclude; git config core.fsmonitor "touch /tmp/marker;"; git config core.autocrlf true; git config core.fileMode false; git config core.symlinks false',
]

test.each(HOSTILE_GIT)('collect() publishes what the agent left, with .git after: %s', async (hostile) => {
  const seed = Number(process.env['SEED'] ?? Date.now() & 0x7fffffff)
  const cases = fc.sample(randomCase, { seed, numRuns: CASES })
  await using world = await workspaces.open((origin) => {
    const parent = git(origin.bare, 'rev-parse', 'main')
    execFileSync('git', [`--git-dir=${origin.bare}`, 'fast-import', '--quiet', '--force'], {
      input: importOf(cases, parent),
    })
  })
  await using sandbox = await world.started()
  await checkedOut(world, sandbox)
  const script = cases
    .map((each, n) => `mkdir -p /workspace/case${n}; cd /workspace/case${n}\n${scriptOf(each)}`)
    .join('\n')
  await agent(sandbox, '', {
    command: ['bash', '-s'],
    stdin: Buffer.from(`${script}\ncd /workspace; ${hostile}; rm -f /tmp/marker; true\n`),
  })
  const seen = parseWalk(await agent(sandbox, '', { command: ['perl', '-e', WALK], user: 'root' }))

  const change = await collected(world, sandbox)

  const commit = await world.publish(change, 'drydock/random')
  const expected = expectedTree(seen, tracked(world, world.base.commit))
  const actual = tracked(world, commit)
  expect(differences(expected, { actual, cases }), `SEED=${seed}`).toEqual([])
  // The comparison sees one file more or less, one bit, one byte.
  for (const wrong of spoilt(actual)) expect(differences(expected, { actual: wrong, cases }).length).toBeGreaterThan(0)
  expect(actual.size).toBeGreaterThan(CASES)
  expect((await agent(sandbox, 'ls /tmp')).includes('marker')).toBe(false)
  expect(change.skipped.filter((line) => !line.includes('its files are collected'))).toEqual([])
  expect(applied(world, change.patch)).toBe(change.tree)
})

function spoilt(actual: ReadonlyMap<string, Tracked>): Map<string, Tracked>[] {
  const [path = '', entry] = [...actual].find(([, { mode }]) => mode === '100644') ?? []
  if (entry === undefined) return []
  const having = (changed?: Tracked) =>
    new Map(
      [...actual].flatMap(([at, each]) =>
        at === path ? (changed ? [[at, changed] as const] : []) : [[at, each] as const],
      ),
    )
  return [
    having(),
    having({ ...entry, mode: '100755' }),
    having({ ...entry, id: '0'.repeat(40) }),
    new Map([...actual, ['case0/more', entry]]),
  ]
}

/** What the patch gives on the base, by the user's own git. */
function applied({ origin, folder, base }: World, patch: Buffer): string {
  writeFileSync(join(folder, 'patch'), patch)
  git(origin.bare, 'read-tree', base.commit)
  git(origin.bare, 'apply', '--cached', '--whitespace=nowarn', join(folder, 'patch'))
  return git(origin.bare, 'write-tree')
}

/** Every file of a commit in the origin, names as bytes. */
function tracked({ origin }: World, commit: string): Map<string, Tracked> {
  const run = (args: string[], input = '') =>
    execFileSync('git', [`--git-dir=${origin.bare}`, ...args], { input, maxBuffer: 2 ** 28 }).toString('latin1')
  const entries = run(['ls-tree', '-r', '-z', '--full-tree', commit]).split('\0').filter(Boolean)
  const files = entries.map((entry) => /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [])
  const contents = contentsOf([...new Set(files.map(([, , id = '']) => id))], run)
  return new Map(
    files.map(([, mode = '', id = '', path = '']) => [path, { mode, id, content: contents.get(id) ?? '' }]),
  )
}

/** The bytes of each blob, read by one process. */
function contentsOf(ids: string[], run: (args: string[], input: string) => string): Map<string, string> {
  const output = run(['cat-file', '--batch'], ids.map((id) => `${id}\n`).join(''))
  const contents = new Map<string, string>()
  for (let at = 0; at < output.length;) {
    const start = output.indexOf('\n', at) + 1
    const [id = '', , bytes] = output.slice(at, start - 1).split(' ')
    contents.set(id, output.slice(start, start + Number(bytes)))
    at = start + Number(bytes) + 1
  }
  return contents
}

type Actual = { actual: ReadonlyMap<string, Tracked>; cases: readonly Case[] }

function differences(expected: ReadonlyMap<string, string[]>, { actual, cases }: Actual): string[] {
  const paths = [...new Set([...expected.keys(), ...actual.keys()])].sort()
  return paths.flatMap((path) => {
    const is = actual.get(path)
    const entry = is && `${is.mode} ${is.id}`
    const right = expected.get(path)
    if (entry === undefined ? right === undefined : right?.includes(entry)) return []
    const example = cases[Number(/^case(\d+)/.exec(path)?.[1])]
    return [`${JSON.stringify(path)} is ${entry}, not ${right?.join(' or ')}; case: ${JSON.stringify(example)}`]
  })
}
