import { existsSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { containersOf, docker, NEVER, sh, useEngine } from './harness.ts'
import type { AttemptSpec } from './harness.ts'
import { startForeign, unwedge, wedge } from './wedge.ts'

const ROUNDS = 10
/** The engine's own limits, and then the kernel's way. */
const WITHIN_MS = 60_000
const world = useEngine()
const seesHost = process.getuid?.() === 0 && existsSync('/sys/fs/cgroup/freezer')
const frozen = new Set<string>()

/** Also what a test that failed before its end has left. */
const sandboxes = new Set<Sandbox>()

afterEach(async () => {
  for (const container of frozen) await unwedge(container)
  frozen.clear()
  for (const sandbox of sandboxes) await sandbox.destroy()
  sandboxes.clear()
})

async function startedWithId(spec: AttemptSpec = world.specOf()) {
  const sandbox = world.engine.createSandbox(spec)
  sandboxes.add(sandbox)
  await sandbox.start(NEVER)
  const container = (await containersOf(spec))[0] ?? ''
  frozen.add(container)
  return { sandbox, container, spec }
}

const stateOf = (container: string) => docker('inspect', '-f', '{{.State.Status}}', container)

describe.runIf(seesHost)('an engine that hangs over a frozen command', () => {
  test('control: neither thaws nor removes the container by itself', async () => {
    const { sandbox, container, spec } = await startedWithId()
    expect(await wedge(container)).toBe(true)
    const removing = docker('rm', '-f', container)
    const outcome = await Promise.race([removing, new Promise((resolve) => setTimeout(resolve, 3000, 'hangs'))])
    expect(outcome).toBe('hangs')
    await unwedge(container)
    await removing
    await sandbox.destroy()
    expect(await containersOf(spec)).toEqual([])
  })

  test('does not keep destroy() from removing it', async () => {
    const { sandbox, container, spec } = await startedWithId()
    expect(await wedge(container)).toBe(true)
    await sandbox.destroy()
    expect(await containersOf(spec)).toEqual([])
  })

  test('does not keep a sweep from removing what a killed process left', async () => {
    const { sandbox, container, spec } = await startedWithId()
    expect(await wedge(container)).toBe(true)
    await world.engine.removeOwned({ type: 'container', id: container })
    expect(await containersOf(spec)).toEqual([])
    await sandbox.destroy()
  })

  test('does not keep killAll() from ending everything when a foreign command meets the freeze', async () => {
    const { sandbox, container } = await startedWithId()
    for (let round = 0; round < 3; round++) {
      await sh(sandbox, 'sleep 60 >/dev/null 2>&1 &')
      const { started } = await startForeign(container)
      await sandbox.killAll(AbortSignal.timeout(WITHIN_MS))
      await started
      expect(await stateOf(container)).toBe('running')
      expect((await sh(sandbox, 'cat /proc/[0-9]*/comm | grep -c sleep', { user: 'root' })).stdout).toBe('1\n')
    }
    await sandbox.destroy()
  })
})

test('killAll() among commands that are being started and given up ends them all, and wedges nothing', async () => {
  const { sandbox, container } = await startedWithId()
  for (let round = 0; round < ROUNDS; round++) {
    const given = new AbortController()
    const commands = [1, 2, 3].map(() =>
      sandbox.exec({ command: ['sleep', '60'], user: 'agent' }, given.signal).catch(() => undefined),
    )
    given.abort(new Error('nobody waits for it'))
    await Promise.all(commands)
    await sandbox.killAll(AbortSignal.timeout(WITHIN_MS))
    expect(await stateOf(container)).toBe('running')
    expect((await sh(sandbox, 'cat /proc/[0-9]*/comm | grep -c sleep', { user: 'root' })).stdout).toBe('1\n')
  }
  await sandbox.destroy()
})

test('destroy() while a command is being started removes the sandbox', async () => {
  for (let round = 0; round < 3; round++) {
    const { sandbox, spec } = await startedWithId()
    const commands = [1, 2, 3].map(() => sh(sandbox, 'sleep 60').catch(() => undefined))
    await sandbox.destroy()
    await Promise.all(commands)
    expect(await containersOf(spec)).toEqual([])
  }
})

test('commit() while commands are being started saves the sandbox', async () => {
  const { sandbox } = await startedWithId()
  const tag = 'drydock/test-freeze:one'
  const commands = [1, 2, 3].map(() => sh(sandbox, 'true').catch(() => undefined))
  try {
    await sandbox.commit(tag, { 'drydock.installation': world.installation }, AbortSignal.timeout(WITHIN_MS))
    await Promise.all(commands)
    expect((await sh(sandbox, 'echo alive')).stdout).toBe('alive\n')
  } finally {
    await sandbox.destroy()
    await world.engine.removeImage(tag)
  }
})
