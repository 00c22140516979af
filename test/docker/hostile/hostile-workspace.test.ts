import { limitedGit } from '../../../forge/git.ts'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { workspaceCalls } from '../../../runner/workspace/workspace-calls.ts'
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
const HOST_GIT = new Set(['rev-parse', 'ls-tree', 'index-pack', 'diff-tree', 'cat-file'])

const workspaces = useWorkspaces()
const recording = temporaryFolder()
let host: Recorder
let world: World
let sandbox: Sandbox

beforeAll(async () => {
  host = recorder(recording.path)
  world = await workspaces.open((origin) => origin.commit({ 'a.txt': 'one\n', 'folder/b.txt': 'b\n' }))
  sandbox = await world.started()
})
afterAll(async () => {
  await sandbox.destroy()
  await world[Symbol.asyncDispose]()
  recording[Symbol.dispose]()
})

/** A new checkout with the honest edit, the attack and the attacker's program in place; nothing of the attack before. */
async function arm(script: string): Promise<void> {
  const clean = 'find /workspace /agent-home /tmp -mindepth 1 -delete; rm -rf /drydock/git'
  await agent(sandbox, clean, { user: 'root' })
  await checkedOut(world, sandbox)
  const evil = `printf '#!/bin/sh\\ntouch "%s"\\ncat\\n' "$MARKER" > "$EVIL"; chmod +x "$EVIL"`
  await agent(sandbox, `${evil}; ${HONEST_EDIT}\n${script}\n:`, { env: ENV })
}

const control = (script: string) =>
  sh(
    sandbox,
    `cp -a /workspace /tmp/copy && cd /tmp/copy && { ${script}\n}; rm -rf /tmp/copy; test -e "$MARKER" && rm "$MARKER"`,
    { env: ENV },
  )

const marked = async () => existsSync(MARKER) || (await sh(sandbox, 'test -e "$MARKER"', { env: ENV })).code === 0

const collected = () =>
  workspaceCalls({ git: limitedGit(host.path) }).collect(
    { sandbox, view: world.view, base: world.base, onOutput: () => undefined },
    NEVER,
  )

const changed = (tree: string) =>
  git(world.view.store, 'diff-tree', '-r', '--no-renames', '--name-status', world.base.commit, tree).split('\n')
const files = () => readdirSync(world.folder, { recursive: true, encoding: 'utf8' }).sort()

describe.each(ATTACKS)('$name', ({ arm: script, control: plain, also = [], skipped }) => {
  test('works on plain git, and does nothing here', async () => {
    await arm(script)
    const shown = await control(plain)
    expect({ code: shown.code, said: shown.stderr }, 'positive control').toMatchObject({ code: 0 })
    const before = files()
    host.reset()

    const change = await collected()

    expect(changed(change.tree).sort()).toEqual([...HONEST_CHANGE, ...also].sort())
    expect(await marked()).toBe(false)
    expect(change.skipped.join('\n')).toMatch(skipped ?? /^$/)
    expect(hostCommands()).toEqual({ programs: ['git', 'prlimit'], git: [...HOST_GIT].sort() })
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
