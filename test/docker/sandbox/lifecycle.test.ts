import { describe, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { createDockerEngine } from '../../../runner/sandbox/docker.ts'
import { containersOf, docker, NEVER, sh, sleepersIn, useEngine } from './harness.ts'

const world = useEngine()

describe('start()', () => {
  test('rejects with image-unavailable, and leaves nothing', async () => {
    const spec = world.specOf({ image: 'drydock/no-such-image:1' })
    await expect(world.engine.createSandbox(spec).start(NEVER)).rejects.toMatchObject({ reason: 'image-unavailable' })
    expect(await containersOf(spec)).toEqual([])
  })

  test('rejects with engine-unavailable and what to do when there is no engine', async () => {
    const engine = createDockerEngine({ socketPath: '/nonexistent/docker.sock' })
    const starting = engine.createSandbox(world.specOf()).start(NEVER)
    await expect(starting).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining('scripts/setup') as string,
    })
  })

  test('leaves nothing when it is aborted at any moment', async () => {
    for (const afterMs of [0, 5, 20, 60, 100, 150]) {
      const spec = world.specOf()
      await world.engine
        .createSandbox(spec)
        .start(AbortSignal.timeout(afterMs))
        .catch(() => {})
      const kept = await containersOf(spec)
      if (kept.length > 0) expect((await docker('inspect', '-f', '{{.State.Running}}', ...kept)).trim()).toBe('true')
      for (const id of kept) await docker('rm', '-f', id)
    }
  })

  test('rejects with the reason of the abort', async () => {
    const spec = world.specOf()
    const stop = new AbortController()
    const starting = world.engine.createSandbox(spec).start(stop.signal)
    stop.abort(new Error('cancelled'))
    await expect(starting).rejects.toThrow('cancelled')
    expect(await containersOf(spec)).toEqual([])
  })
})

describe('destroy()', () => {
  test('removes the container; a second and a third time do nothing', async () => {
    const spec = world.specOf()
    const sandbox = world.engine.createSandbox(spec)
    await sandbox.start(NEVER)
    expect(await containersOf(spec)).toHaveLength(1)
    await sandbox.destroy()
    expect(await containersOf(spec)).toEqual([])
    await Promise.all([sandbox.destroy(), sandbox.destroy()])
  })

  test('before start is nothing', async () => {
    await world.engine.createSandbox(world.specOf()).destroy()
  })

  test('during start removes what is being made', async () => {
    const spec = world.specOf()
    const sandbox = world.engine.createSandbox(spec)
    const starting = sandbox.start(NEVER)
    const outcome = expect(starting).rejects.toBeDefined()
    await sandbox.destroy()
    await outcome
    expect(await containersOf(spec)).toEqual([])
  })

  test('ends a running exec with a null code', async () => {
    const sandbox = await world.started()
    let up = () => {}
    const said = new Promise<void>((resolve) => (up = resolve))
    const running = sh(sandbox, 'echo up; sleep 60', { onOutput: () => up() })
    await said
    await sandbox.destroy()
    expect((await running).code).toBeNull()
  })
})

describe('killAll()', () => {
  test('ends processes of every user and group, and nothing that is needed', async () => {
    await using sandbox = await world.started()
    const stubborn = 'setsid sh -c \'trap "" TERM INT HUP; while true; do sleep 1; done\' >/dev/null 2>&1 &'
    await sh(sandbox, stubborn)
    await sh(sandbox, stubborn, { user: 'root' })
    await sh(sandbox, 'setpriv --reuid 4711 --clear-groups sleep 60 >/dev/null 2>&1 &', { user: 'root' })
    await expect.poll(() => sleepersIn(sandbox), { timeout: 60_000 }).toBeGreaterThanOrEqual(3)
    await sandbox.killAll(NEVER)
    expect(await sleepersIn(sandbox)).toBe(0)
  })

  test('ends the exec that started them', async () => {
    await using sandbox = await world.started()
    let up = () => {}
    const said = new Promise<void>((resolve) => (up = resolve))
    const running = sh(sandbox, 'echo up; sleep 60', { onOutput: () => up() })
    await said
    await sandbox.killAll(NEVER)
    expect((await running).code).toBe(137)
  })

  test('keeps the files', async () => {
    await using sandbox = await world.started()
    await sh(sandbox, 'echo kept > /workspace/file; sleep 60 >/dev/null 2>&1 &')
    await sandbox.killAll(NEVER)
    expect((await sh(sandbox, 'cat /workspace/file')).stdout).toBe('kept\n')
  })
})

describe('an agent that signals everything', () => {
  test('does not end the sandbox', async () => {
    await using sandbox = await world.started()
    await sh(sandbox, 'kill -9 -1')
    await sh(sandbox, 'kill -TERM 1; kill -KILL 1; kill -TERM 7')
    expect(await sh(sandbox, 'echo alive')).toMatchObject({ code: 0, stdout: 'alive\n' })
  })

  test('as root ends it, and that is told as a null code', async () => {
    await using sandbox = await world.started()
    const { code } = await sh(sandbox, 'kill -9 -1; sleep 5', { user: 'root' })
    expect(code === null || code === 137).toBe(true)
    expect((await sh(sandbox, 'true')).code).toBeNull()
  })
})

describe('commit()', () => {
  test('keeps the files under a clean configuration', async () => {
    const tag = `drydock/test-snapshot:${newId()}`
    await using sandbox = await world.started()
    await sh(sandbox, 'echo set-up > /workspace/file; echo root > /root/file', {
      user: 'root',
      env: { SECRET: 'hush-hush' },
    })
    const made = await sandbox.commit(
      tag,
      { 'drydock.installation': world.installation, 'drydock.kind': 'snapshot' },
      NEVER,
    )
    try {
      expect(made).toEqual(await world.engine.imageInfo(tag))
      expect(made.sizeBytes).toBeGreaterThan(1024 * 1024)
      const [image] = JSON.parse(await docker('image', 'inspect', tag)) as [{ Config: Record<string, unknown> }]
      expect(image.Config).toMatchObject({ Entrypoint: [], Cmd: [], WorkingDir: '/' })
      expect(JSON.stringify(image)).not.toContain('hush-hush')
      const [owned] = (await world.engine.listOwned(world.installation)).filter(({ type }) => type === 'image')
      expect(owned).toMatchObject({ kind: 'snapshot', name: tag })
      // A snapshot outlives its attempt: the sweep must not take it for a leftover.
      expect(owned?.attempt).toBeUndefined()

      await using next = await world.started({ image: tag })
      expect((await sh(next, 'cat /workspace/file; stat -c %a /drydock', { user: 'root' })).stdout).toBe(
        'set-up\n700\n',
      )
    } finally {
      expect(await world.engine.removeImage(tag)).toBe(true)
    }
  })
})

test('commit() that is aborted at any moment leaves no image once the sandbox is destroyed', async () => {
  const labels = { 'drydock.installation': world.installation, 'drydock.kind': 'snapshot' }
  for (const afterMs of [0, 10, 60]) {
    const tag = `drydock/test-snapshot:${newId()}`
    const sandbox = await world.started()
    await sh(sandbox, 'head -c 20000000 /dev/urandom > /workspace/file')
    const stop = new AbortController()
    const saving = sandbox.commit(tag, labels, stop.signal)
    setTimeout(() => stop.abort(new Error('enough')), afterMs)
    await expect(saving).rejects.toThrow('enough')
    await sandbox.destroy()
    expect(await world.engine.imageInfo(tag)).toBeUndefined()
  }
})

test('listOwned() names whose a container is, and removeOwned() removes it', async () => {
  const spec = world.specOf()
  const sandbox = world.engine.createSandbox(spec)
  await sandbox.start(NEVER)
  const owned = await world.engine.listOwned(world.installation)
  expect(owned).toEqual([
    expect.objectContaining({ type: 'container', kind: 'sandbox', attempt: spec.owner.attempt, claim: 1 }),
  ])
  for (const one of owned) await world.engine.removeOwned(one)
  for (const one of owned) await world.engine.removeOwned(one)
  expect(await world.engine.listOwned(world.installation)).toEqual([])
  await sandbox.destroy()
})
