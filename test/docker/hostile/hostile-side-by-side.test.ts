import { limitedGit } from '../../../forge/git.ts'
import { expect, test } from 'vitest'
import { COLLECT } from '../../../runner/workspace/collect-script.ts'
import { workspaceCalls } from '../../../runner/workspace/workspace-calls.ts'
import { placed } from '../../../runner/workspace/workspace.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { NEVER, sh } from '../sandbox/harness.ts'
import { agent, useWorkspaces } from '../workspace/harness.ts'
import type { World } from '../workspace/harness.ts'

// A folder below /workspace is the agent's to replace, and root collects from it.

const workspaces = useWorkspaces()
const { checkOut, collect } = workspaceCalls({ git: limitedGit(process.env.PATH ?? '') })
const [{ at }] = placed({ id: 'r', forge: 'git', address: '/srv/api.git' }, [
  { id: 's', forge: 'git', address: '/srv/web.git', name: 'web' },
])
const quiet = { at, onOutput: () => undefined }

async function checkedOut({ view, base }: World, sandbox: Sandbox): Promise<void> {
  await checkOut({ sandbox, view, base, ...quiet }, NEVER)
  await sh(sandbox, 'mkdir -m 700 /only-root && echo secret > /only-root/of-root', { user: 'root' })
}

test.each([
  ['a link to what only root may read', 'mv api elsewhere && ln -s /only-root api'],
  ['a link to another checkout', 'mv api web && ln -s web api'],
  ['a file', 'rm -rf api && echo x > api'],
  ['nothing', 'rm -rf api'],
])('collect() takes nothing from a folder that the agent made %s', async (_, script) => {
  await using world = await workspaces.open()
  await using sandbox = await world.started()
  await checkedOut(world, sandbox)
  await agent(sandbox, script)
  const { view, base } = world
  await expect(collect({ sandbox, view, base, ...quiet }, NEVER)).rejects.toMatchObject({
    reason: 'collect-failed',
    message: expect.stringContaining('/workspace/api is not the folder any more that was checked out'),
  })
})

test('the attack: without the look at the folder, root would collect what only it may read', async () => {
  await using world = await workspaces.open()
  await using sandbox = await world.started()
  await checkedOut(world, sandbox)
  await agent(sandbox, 'mv api elsewhere && ln -s /only-root api')
  const unguarded = COLLECT.replace(/\nif \[ -L "\$DRYDOCK_WORKSPACE" \][^]*?\nfi\n/, '\n')
  expect(unguarded).not.toBe(COLLECT)
  const env = {
    DRYDOCK_WORKSPACE: at.workspace,
    DRYDOCK_GIT_DIR: at.gitDir,
    DRYDOCK_BASE: world.base.commit,
    ...{ DRYDOCK_MAX_BLOCKS: '1000', DRYDOCK_MAX_ENTRIES: '1000' },
  }
  const { stdout } = await sh(sandbox, unguarded, { user: 'root', env })
  const tree = /^tree ([0-9a-f]{40})\n/.exec(stdout)?.[1] ?? ''
  const listed = await sh(sandbox, `git --git-dir=${at.gitDir} ls-tree --name-only ${tree}`, { user: 'root' })
  expect(listed.stdout).toBe('of-root\n')
})

test('collect() takes what the agent left in a folder beside others', async () => {
  await using world = await workspaces.open()
  await using sandbox = await world.started()
  await checkedOut(world, sandbox)
  await agent(sandbox, 'echo more > api/more.txt; echo outside > outside.txt')
  const { view, base } = world
  const change = await collect({ sandbox, view, base, ...quiet }, NEVER)
  expect(change).toMatchObject({ stats: { files: 1 }, skipped: [] })
  expect(change.patch.toString()).toContain('b/more.txt')
})
