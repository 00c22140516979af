import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { collector } from '../../../runner/workspace/collect.ts'
import { git, temporaryFolder } from '../../support/git-fixture.ts'
import { NEVER, sh } from '../sandbox/harness.ts'
import { agent, checkedOut, useWorkspaces } from '../workspace/harness.ts'
import type { World } from '../workspace/harness.ts'
import { ATTACKS, HONEST_CHANGE, HONEST_EDIT } from './attacks.ts'
import { gitCommand, recorder } from './recorder.ts'
import type { Recorder } from './recorder.ts'

// Attacks by an agent, from a real sandbox (R1, R2, R3). The host side runs under a PATH of recording wrappers.

const MARKER = join(tmpdir(), `drydock-marker-${process.pid}`)
const EVIL = '/agent-home/evil'
const ENV = { MARKER, EVIL }
/** All that the host runs for one collection. */
const HOST_GIT = new Set(['rev-parse', 'index-pack', 'diff-tree', 'show-index', 'cat-file'])

const workspaces = useWorkspaces()
const recording = temporaryFolder()
let host: Recorder
let world: World

beforeAll(async () => {
  host = recorder(recording.path)
  world = await workspaces.open((origin) => origin.commit({ 'a.txt': 'one\n', 'folder/b.txt': 'b\n' }))
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  recording[Symbol.dispose]()
})

/** A checkout with the honest edit, the attack and the attacker's program in place. */
async function armed(arm: string): Promise<Sandbox> {
  const sandbox = await world.started()
  await checkedOut(world, sandbox)
  const evil = `printf '#!/bin/sh\\ntouch "%s"\\ncat\\n' "$MARKER" > "$EVIL"; chmod +x "$EVIL"`
  await agent(sandbox, `${evil}; ${HONEST_EDIT}\n${arm}\n:`, { env: ENV })
  return sandbox
}

const control = (sandbox: Sandbox, script: string) =>
  sh(
    sandbox,
    `cp -a /workspace /tmp/copy && cd /tmp/copy && { ${script}\n}; rm -rf /tmp/copy; test -e "$MARKER" && rm "$MARKER"`,
    { env: ENV },
  )

const marked = async (sandbox: Sandbox) =>
  existsSync(MARKER) || (await sh(sandbox, 'test -e "$MARKER"', { env: ENV })).code === 0

const collected = (sandbox: Sandbox, signal = NEVER) =>
  collector({ path: host.path })({ sandbox, view: world.view, base: world.base, onOutput: () => undefined }, signal)

const changed = (tree: string) =>
  git(world.view.store, 'diff-tree', '-r', '--no-renames', '--name-status', world.base.commit, tree).split('\n')
const files = () => readdirSync(world.folder, { recursive: true, encoding: 'utf8' }).sort()

describe.each(ATTACKS)('$name', ({ arm, control: plain, also = [], skipped }) => {
  test('works on plain git, and does nothing here', async () => {
    await using sandbox = await armed(arm)
    const shown = await control(sandbox, plain)
    expect({ code: shown.code, said: shown.stderr }, 'positive control').toMatchObject({ code: 0 })
    const before = files()
    host.reset()

    const change = await collected(sandbox)

    expect(changed(change.tree).sort()).toEqual([...HONEST_CHANGE, ...also].sort())
    expect(await marked(sandbox)).toBe(false)
    expect(change.skipped.join('\n')).toMatch(skipped ?? /^$/)
    expect(hostCommands()).toEqual({ programs: ['git', 'prlimit', 'setpriv'], git: [...HOST_GIT].sort() })
    const fresh = files().filter((file) => !before.includes(file))
    const store = relative(world.folder, world.view.store)
    expect(fresh.every((file) => file.startsWith(join(store, 'objects', 'pack', 'pack-')))).toBe(true)
  })
})

/** The programs that ran on the host, and git's commands among them. */
function hostCommands(): { programs: string[]; git: string[] } {
  const calls = host.calls()
  const unique = (names: (string | undefined)[]) => [...new Set(names.map(String))].sort()
  const commands = calls.filter(([program]) => program === 'git').map((call) => gitCommand(call)[1])
  return { programs: unique(calls.map(([program]) => program)), git: unique(commands) }
}
