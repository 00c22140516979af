import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { git } from '../../support/git-fixture.ts'
import { sh } from '../sandbox/harness.ts'
import { agent, checkedOut, collected, useWorkspaces } from '../workspace/harness.ts'
import type { World } from '../workspace/harness.ts'
import { failure } from './taken-over.ts'

// What an agent may leave running, hold down or replace while its change is collected; and changes without measure.

const workspaces = useWorkspaces()
let world: World
let sandbox: Sandbox

beforeAll(async () => {
  world = await workspaces.open((origin) =>
    origin.commit({ 'a.txt': 'one\n', 'folder/b.txt': 'b\n', '.gitignore': 'ignored/\n' }),
  )
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  sandbox = await world.started()
  await checkedOut(world, sandbox)
  return () => sandbox.destroy()
})

const root = (script: string) => agent(sandbox, script, { user: 'root' })
const changed = (tree: string) =>
  git(world.view.store, 'diff-tree', '-r', '--no-renames', '--name-status', world.base.commit, tree).split('\n')
const published = (tree: string, path: string) => git(world.view.store, 'cat-file', 'blob', `${tree}:${path}`)

describe('a process that outlives the agent', () => {
  test('does not write while the change is collected', async () => {
    const writer = 'trap "" TERM HUP INT; n=0; while :; do n=$((n+1)); echo $n > count.txt; done'
    await agent(sandbox, `setsid sh -c '${writer}' >/dev/null 2>&1 & until [ -s count.txt ]; do :; done`)
    const read = () => agent(sandbox, 'cat count.txt')
    const first = await read()
    await expect.poll(read, { timeout: 5000 }).not.toBe(first) // control: it writes on
    const { tree } = await collected(world, sandbox)
    expect(published(tree, 'count.txt')).toBe((await read()).trim())
    expect(await root('grep -l count.tx[t] /proc/[0-9]*/cmdline || echo none')).toBe('none\n')
  })

  test('cannot kill the collector', async () => {
    const killer = 'while :; do for p in /proc/[0-9]*; do kill -9 "${p#/proc/}" 2>/dev/null; done; done'
    await agent(
      sandbox,
      `sleep 100 & echo $! > /tmp/victim; (setsid sh -c 'trap "" TERM; ${killer.replaceAll("'", `'\\''`)}' >/dev/null 2>&1 &); true`,
    )
    // Control: it kills what is of its own user.
    await expect
      .poll(async () => (await sh(sandbox, 'kill -0 "$(cat /tmp/victim)"', { user: 'root' })).code, { timeout: 5000 })
      .not.toBe(0)
    await root('echo x > new.txt')
    const change = await collected(world, sandbox)
    expect(changed(change.tree)).toEqual(['A\tnew.txt'])
  })

  test('in thousands does not keep the change from coming out', async () => {
    await agent(sandbox, 'echo x > new.txt; (for i in $(seq 1 200); do setsid sleep 1000 & done) >/dev/null 2>&1; true')
    expect(Number((await root('ls -d /proc/[0-9]* | wc -l')).trim())).toBeGreaterThan(100) // control
    expect(changed((await collected(world, sandbox)).tree)).toEqual(['A\tnew.txt'])
  })
})

describe('the collector’s own folder', () => {
  test.each([
    ['read', 'cat /drydock/git/HEAD'],
    ['listed', 'ls /drydock'],
    ['written', 'echo x > /drydock/git/config'],
    ['moved', 'mv /drydock /tmp/'],
    ['replaced', 'rm -rf /drydock/git'],
  ])('cannot be %s by the agent', async (_, script) => {
    expect((await sh(sandbox, script)).code).not.toBe(0)
    expect((await sh(sandbox, script, { user: 'root' })).code).toBe(0) // control
  })

  test.each([
    ['a fsmonitor', 'git --git-dir=/drydock/git config core.fsmonitor "touch /tmp/marker;"'],
    ['a filter', 'git --git-dir=/drydock/git config filter.x.clean "touch /tmp/marker; cat"'],
    ['no index', 'rm /drydock/git/index'],
    ['a lock', 'touch /drydock/git/index.lock'],
  ])('with %s, put there by an agent that is root, gives the same change', async (_, script) => {
    await root(`echo x > new.txt; ${script}`)
    expect(changed((await collected(world, sandbox)).tree)).toEqual(['A\tnew.txt'])
    expect((await sh(sandbox, 'test -e /tmp/marker')).code).toBe(1)
  })

  test.each([
    ['rubbish', 'head -c 4096 /dev/urandom > /drydock/git/index'],
    ['gone', 'rm -rf /drydock/git'],
    ['without objects', 'echo /nowhere > /drydock/git/objects/info/alternates'],
  ])('that is %s is a failed collection, not a wrong one', async (_, script) => {
    await root(`echo x > new.txt; ${script}`)
    expect(await failure(collected(world, sandbox))).toMatch(/^collect-failed: /)
  })
})

describe('git replaced by an agent that is root', () => {
  const replace = (text: string) =>
    root(
      `rm -f /usr/bin/git; printf '%s\\n' '#!/bin/sh' '${text}' > /usr/bin/git; chmod 755 /usr/bin/git; echo x > new.txt`,
    )

  test.each([
    ['lies about the tree', `echo ${'1'.repeat(40)}`],
    ['says nothing', 'exit 0'],
    ['fails', 'exit 128'],
  ])('by one that %s is refused', async (_, text) => {
    await replace(text)
    expect(await failure(collected(world, sandbox))).toMatch(/^(collect-failed|tree-refused): /)
  })

  test('by one that talks without end is cut off', async () => {
    await replace('case "$*" in *pack-objects*) exec yes;; *write-tree*) echo ' + '1'.repeat(40) + ';; esac')
    expect(await failure(collected(world, sandbox))).toMatch(/^diff-too-large: /)
  })

  test('by one that hangs ends with the phase', async () => {
    await replace('exec sleep 1000')
    const work = collected(world, sandbox, AbortSignal.timeout(2000))
    await expect(work).rejects.toThrow(/timeout|aborted/i)
  })
})

describe('a change without measure', () => {
  test('a file over the cap is refused by name, and does not matter where it is ignored', async () => {
    await agent(sandbox, 'head -c 40000000 /dev/zero > "big file"; mkdir ignored; cp "big file" ignored/')
    expect(await failure(collected(world, sandbox))).toMatch(/^diff-too-large: .*"?big file/)
    await agent(sandbox, 'rm "big file"; echo x > new.txt')
    expect(changed((await collected(world, sandbox)).tree)).toEqual(['A\tnew.txt'])
  })

  test('many files that pack to nothing are refused by their sum', async () => {
    await agent(sandbox, 'head -c 30000000 /dev/zero > f0; for i in $(seq 1 20); do cp f0 f$i; done')
    expect(await failure(collected(world, sandbox))).toMatch(/^diff-too-large: .*together/)
  })

  test('random bytes over the cap are cut off while they stream', async () => {
    await agent(sandbox, 'for i in 1 2 3; do head -c 30000000 /dev/urandom > f$i; done')
    expect(await failure(collected(world, sandbox))).toMatch(/^diff-too-large: .*packs to more than/)
  })

  test('200,001 files are refused', async () => {
    await agent(sandbox, 'mkdir many; cd many; seq 1 200001 | xargs touch')
    expect(await failure(collected(world, sandbox))).toMatch(/^diff-too-large: .*200000 files/)
  })

  test('a folder deeper than a path can be is left out, the rest comes', async () => {
    const dig = 'd=$(printf "%0200d" 0); for i in $(seq 30); do mkdir $d && cd ./$d || exit 1; done; echo x > f'
    await agent(sandbox, `echo x > new.txt; ${dig}`, { command: ['bash', '-c', `echo x > new.txt; ${dig}`] })
    expect((await agent(sandbox, 'find . -name f')).length).toBeGreaterThan(4096) // control
    const change = await collected(world, sandbox)
    expect(changed(change.tree)).toEqual(['A\tnew.txt'])
    expect(change.skipped.join()).toContain('could not open directory')
  })

  test('.gitmodules is refused with a sentence', async () => {
    await agent(sandbox, 'printf "[submodule \\"x\\"]\\n\\tpath = x\\n\\turl = ext::sh -c id\\n" > .gitmodules')
    expect(await failure(collected(world, sandbox))).toContain('it changes ".gitmodules"')
  })
})
