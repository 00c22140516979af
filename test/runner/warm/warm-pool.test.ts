import { expect, test } from 'vitest'
import { fakeSandboxes } from '../../../runner/sandbox/fake.ts'
import type { FakeSandbox, FakeScript } from '../../../runner/sandbox/fake.ts'
import type { Recipe } from '../../../runner/warm/recipe.ts'
import { WarmPool } from '../../../runner/warm/warm-pool.ts'
import { fakeNetworks } from '../../support/networks.ts'

const HOUR = 3_600_000
const HEAD = 'a'.repeat(40)

function aRecipe(changes: Partial<Recipe> = {}): Recipe {
  const refs = [{ name: 'refs/heads/main', commit: HEAD }]
  return {
    environmentId: 'env1',
    version: '1',
    imageId: 'sha256:1',
    spec: { image: 'base', resources: { memoryMiB: 1, cpus: 1, pids: 1, diskMiB: 1 }, mounts: [], lifetimeMs: 1 },
    isNetworked: false,
    checkout: {
      view: { objects: '/mirror', store: '/store', refs, defaultBranch: 'main' },
      base: { commit: HEAD, branch: 'main' },
    },
    ...changes,
  }
}

const ownerOf = (sandbox: FakeSandbox | undefined): string =>
  sandbox && 'attempt' in sandbox.spec.owner ? sandbox.spec.owner.attempt : ''

function world({ most = 4, least = 1, script = {} }: { most?: number; least?: number; script?: FakeScript } = {}) {
  const sandboxes = fakeSandboxes(script)
  const networks = fakeNetworks()
  const clock = { now: 0 }
  const versions = new Map([['env1', '1']])
  const warnings: unknown[] = []
  const pool = new WarmPool({
    installation: 'i',
    createSandbox: sandboxes.create,
    networks,
    checkOut: async ({ sandbox }, signal) => {
      await sandbox.exec({ command: ['checkout'], user: 'agent' }, signal)
      return { state: 'state', lines: ['Checked out'] }
    },
    bounds: { most, least },
    versions: async () => versions,
    logger: { info: () => undefined, warn: (...words: unknown[]) => void warnings.push(words) },
    now: () => clock.now,
  })
  /** Wants one, as a start does, and lets the pool make what is missing. */
  const start = async (recipe: Recipe) => {
    const hold = pool.hold()
    const isThere = pool.want(recipe)
    const ready = isThere ? await pool.take(recipe) : undefined
    hold.release()
    await pool.filled()
    return ready
  }
  return { pool, sandboxes, networks, clock, versions, warnings, start }
}

test('a start finds a sandbox that was made after the one before it, checked out and frozen until then', async () => {
  const { pool, sandboxes, start } = world()
  expect(await start(aRecipe())).toBeUndefined()
  expect(pool.size).toBe(1)
  expect(sandboxes.made[0]?.calls).toEqual(['start', 'exec agent: checkout', 'freeze'])
  const ready = await start(aRecipe())
  expect(ready?.sandbox).toBe(sandboxes.made[0])
  expect(sandboxes.made[0]?.calls.at(-1)).toBe('thaw')
  expect(ready?.left).toEqual({ state: 'state', lines: ['Checked out'] })
  expect(sandboxes.made[0]?.spec.owner).toEqual({ installation: 'i', attempt: ready?.owner, claim: 0 })
})

test('no sandbox is taken twice, however many want one', async () => {
  const { pool, start } = world({ least: 3 })
  await start(aRecipe())
  expect(pool.size).toBe(3)
  const taken = await Promise.all(Array.from({ length: 6 }, () => pool.take(aRecipe())))
  const owners = taken.flatMap((ready) => ready?.owner ?? [])
  expect(owners).toHaveLength(3)
  expect(new Set(owners).size).toBe(3)
})

test.each<[string, Partial<Recipe>]>([
  ['the environment', { environmentId: 'env2' }],
  ['a change of the environment, such as of its policy or its variables', { version: '2' }],
  ['the snapshot', { imageId: 'sha256:2' }],
  ['the kind of network', { isNetworked: true }],
  ['the agent', { spec: { ...aRecipe().spec, mounts: [{ host: '/agents/2', target: '/agent' }] } }],
  ['a limit', { spec: { ...aRecipe().spec, resources: { memoryMiB: 2, cpus: 1, pids: 1, diskMiB: 1 } } }],
])('a sandbox that differs in %s is not taken', async (_what, change) => {
  const { pool, start } = world()
  await start(aRecipe())
  expect(await start(aRecipe(change))).toBeUndefined()
  expect(await pool.take(aRecipe(change))).toBeDefined()
})

test('what waits for an older state of an environment is removed by the first start after the change', async () => {
  const { sandboxes, start } = world()
  await start(aRecipe())
  await start(aRecipe({ imageId: 'sha256:2' }))
  expect(sandboxes.made[0]?.isDestroyed).toBe(true)
  expect(sandboxes.made[1]?.isDestroyed).toBe(false)
})

test('tidy() removes what waits for an environment that was changed, is gone, or was not used for an hour', async () => {
  const { pool, sandboxes, versions, clock, start } = world()
  await start(aRecipe())
  await pool.tidy()
  expect(pool.size).toBe(1)
  versions.set('env1', '2')
  await pool.tidy()
  expect(pool.size).toBe(0)

  await start(aRecipe({ version: '2' }))
  versions.delete('env1')
  await pool.tidy()
  expect(pool.size).toBe(0)

  versions.set('env1', '2')
  await start(aRecipe({ version: '2' }))
  clock.now += HOUR
  await pool.tidy()
  expect(pool.size).toBe(0)
  await pool.close()
  sandboxes.assertClean()
})

test('nothing is made while something starts', async () => {
  const { pool, sandboxes } = world()
  const [first, second] = [pool.hold(), pool.hold()]
  pool.want(aRecipe())
  first.release()
  first.release()
  await pool.filled()
  expect(sandboxes.made).toHaveLength(0)
  second.release()
  await pool.filled()
  expect(sandboxes.made).toHaveLength(1)
})

test('there are never more than there may be; without any nothing is noted', async () => {
  const { pool, start } = world({ most: 2, least: 5 })
  for (const environmentId of ['a', 'b', 'c']) await start(aRecipe({ environmentId }))
  expect(pool.size).toBe(2)
  const off = world({ most: 0 })
  await off.start(aRecipe())
  expect(off.sandboxes.made).toHaveLength(0)
})

test('a network waits with its sandbox: nothing is permitted, and it is given back after the sandbox', async () => {
  const { pool, networks, sandboxes, start } = world()
  await start(aRecipe({ isNetworked: true }))
  expect(networks.made[0]?.grants).toEqual([])
  expect(sandboxes.made[0]?.spec.network).toEqual(networks.made[0]?.attachment)
  await pool.close()
  expect(networks.made.every((network) => network.closed)).toBe(true)
  sandboxes.assertClean()
})

test('a sandbox whose network is not what a new one would be, or that does not thaw, is removed, and the next one taken', async () => {
  let thaws = 0
  const thaw = () => {
    if (++thaws === 1) throw new Error('the engine says no')
  }
  const { pool, networks, sandboxes, start } = world({ least: 3, script: { thaw } })
  const recipe = aRecipe({ isNetworked: true })
  await start(recipe)
  const [, second] = networks.made
  if (second) second.isCurrent = async () => false
  const ready = await pool.take(recipe)
  expect(ready?.sandbox).toBe(sandboxes.made[2])
  await pool.close()
  expect(sandboxes.made.map((sandbox) => sandbox.isDestroyed)).toEqual([true, true, false])
})

test('a sandbox that breaches a limit while it waits is removed', async () => {
  const { pool, sandboxes, start } = world()
  await start(aRecipe())
  sandboxes.made[0]?.breach('disk-full')
  await expect.poll(() => sandboxes.made[0]?.isDestroyed).toBe(true)
  expect(await pool.take(aRecipe())).toBeUndefined()
})

test('what cannot be made is said once, leaves nothing, and is not tried again before the next start', async () => {
  let fails = true
  const start_ = () => {
    if (fails) throw new Error('no room')
  }
  const { pool, networks, warnings, start } = world({ script: { start: start_ } })
  const recipe = aRecipe({ isNetworked: true })
  await start(recipe)
  await pool.tidy()
  expect(warnings).toHaveLength(1)
  expect(networks.made.map((network) => network.closed)).toEqual([true])
  fails = false
  await start(recipe)
  expect(pool.size).toBe(1)
})

test('holds() knows what waits and what was taken, until it is gone', async () => {
  const { pool, sandboxes, start } = world()
  await start(aRecipe())
  const owner = ownerOf(sandboxes.made[0])
  expect(pool.holds(owner)).toBe(true)
  const ready = await pool.take(aRecipe())
  expect(pool.holds(owner)).toBe(true)
  pool.forget(ready?.owner ?? '')
  expect(pool.holds(owner)).toBe(false)
  expect(pool.holds('warm-of-an-earlier-process')).toBe(false)
})

test('drop() gives all up that waits: nobody takes it, and the sweep may have it', async () => {
  const { pool, sandboxes, start } = world({ least: 2 })
  await start(aRecipe())
  pool.drop()
  expect(sandboxes.made.map((sandbox) => pool.holds(ownerOf(sandbox)))).toEqual([false, false])
  expect(await pool.take(aRecipe())).toBeUndefined()
})

test('close() removes all, also what is being made, and nothing is taken or made afterwards', async () => {
  let begun = () => {}
  const started = new Promise<void>((resolve) => (begun = resolve))
  const { pool, sandboxes } = world({ script: { start: () => begun() } })
  const hold = pool.hold()
  pool.want(aRecipe())
  hold.release()
  await started
  await pool.close()
  sandboxes.assertClean()
  expect(sandboxes.made.every((sandbox) => sandbox.isDestroyed)).toBe(true)
  expect(pool.want(aRecipe())).toBe(false)
  expect(await pool.take(aRecipe())).toBeUndefined()
})
