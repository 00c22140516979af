import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { breachOf, docker, NEVER, sh, useEngine } from './harness.ts'

const world = useEngine()
const run = newId()
const HOSTILE = `drydock-test/hostile:${run}`
const WITHOUT_GIT = `drydock-test/without-git:${run}`
const EMPTY = `drydock-test/empty:${run}`

beforeAll(async () => {
  const container = `drydock-test-${run}`
  await docker('create', '--name', container, inject('baseImage'), 'true')
  const changes = [
    'ENTRYPOINT ["/bin/false"]',
    'CMD ["nothing"]',
    'USER 1000',
    'WORKDIR /workspace/deep',
    'HEALTHCHECK --interval=1s CMD touch /tmp/health-check-ran',
    'VOLUME ["/data", "/workspace"]',
    'ENV TOOL=set-by-image',
    'LABEL drydock.attempt=forged drydock.claim=1 drydock.build=forged drydock.kind=sandbox',
  ]
  await docker('commit', ...changes.flatMap((change) => ['-c', change]), container, HOSTILE)
  await docker('rm', container)
  const sleeper = await docker('run', '-d', '--network', 'none', inject('baseImage'), 'sleep', '60')
  await docker('exec', sleeper, 'rm', '/usr/bin/git')
  await docker('commit', '-c', 'CMD []', sleeper, WITHOUT_GIT)
  await docker('rm', '-f', sleeper)
  await importEmpty(EMPTY)
})

afterAll(async () => {
  await docker('rmi', '-f', HOSTILE, WITHOUT_GIT, EMPTY)
})

async function importEmpty(tag: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-empty-'))
  await promisify(execFile)('tar', ['-cf', join(folder, 'empty.tar'), '-C', folder, '--files-from', '/dev/null'])
  const client = spawn('docker', ['import', join(folder, 'empty.tar'), tag], { stdio: 'ignore' })
  await once(client, 'exit')
  await rm(folder, { recursive: true })
}

describe('start() of an image that brings along its own', () => {
  test('entrypoint, command, user, folder and health check overrides all of them', async () => {
    // Control: the image itself does nothing but fail.
    await expect(docker('run', '--rm', HOSTILE)).rejects.toThrow()
    await using sandbox = await world.started({ image: HOSTILE })
    expect(await sh(sandbox, 'id -u; pwd', { user: 'root' })).toMatchObject({ code: 0, stdout: '0\n/\n' })
    expect((await sh(sandbox, 'sleep 2.5; ls /tmp/health-check-ran')).code).not.toBe(0)
  })

  test('variables keeps them: PATH and friends are why people choose an image', async () => {
    await using sandbox = await world.started({ image: HOSTILE })
    expect((await sh(sandbox, 'echo $TOOL')).stdout).toBe('set-by-image\n')
  })

  test('volumes has none, so that the disk limit counts them', async () => {
    const resources = { memoryMiB: 128, cpus: 1, pids: 64, diskMiB: 64 }
    const volumesBefore = await docker('volume', 'ls', '-q')
    await using sandbox = await world.started({ image: HOSTILE, resources })
    expect((await sh(sandbox, 'grep -c -e " /data " -e " /workspace " /proc/mounts')).stdout.trim()).toBe('0')
    expect(await docker('volume', 'ls', '-q')).toBe(volumesBefore)
    await sh(sandbox, 'mkdir -p /data; head -c 50m /dev/zero > /data/a; head -c 50m /dev/zero > /data/b', {
      user: 'root',
    })
    expect(await breachOf(sandbox)).toBe('disk-full')
    await removeOwnImages()
  })

  test('labels of ours gets neither into a container nor into the image without volumes', async () => {
    const spec = world.specOf({ image: HOSTILE })
    await using sandbox = world.engine.createSandbox(spec)
    await sandbox.start(NEVER)
    expect(await docker('image', 'inspect', '-f', '{{json .Config.Labels}}', HOSTILE)).toContain('forged') // control
    const owned = await world.engine.listOwned(world.installation)
    expect(owned.map(({ type, kind, attempt, build }) => ({ type, kind, attempt, build }))).toEqual([
      { type: 'container', kind: 'sandbox', attempt: spec.owner.attempt, build: undefined },
      { type: 'image', kind: 'without-volumes', attempt: undefined, build: undefined },
    ])
    await sandbox.destroy()
    await removeOwnImages()
  })

  test('the label of a build has none, when it is made from what the build saved', async () => {
    const tag = `drydock-test/built:${run}`
    await using built = await world.started({ owner: { installation: world.installation, build: 'b1' } })
    await built.commit(tag, { 'drydock.installation': world.installation }, NEVER)
    await built.destroy()
    const spec = world.specOf({ image: tag })
    await using sandbox = world.engine.createSandbox(spec)
    await sandbox.start(NEVER)
    const owned = await world.engine.listOwned(world.installation)
    expect(owned.map(({ type, attempt, build }) => ({ type, attempt, build }))).toEqual([
      { type: 'container', attempt: spec.owner.attempt, build: undefined },
      { type: 'image', attempt: undefined, build: 'b1' },
    ])
    await sandbox.destroy()
    await removeOwnImages()
  })

  test('volumes keeps their folders in a snapshot', async () => {
    const tag = `drydock-test/snapshot:${run}`
    await using sandbox = await world.started({ image: HOSTILE })
    await sh(sandbox, 'echo kept > /workspace/file', { user: 'root' })
    await sandbox.commit(tag, { 'drydock.installation': world.installation }, NEVER)
    await sandbox.destroy()
    {
      await using next = await world.started({ image: tag })
      expect((await sh(next, 'cat /workspace/file')).stdout).toBe('kept\n')
    }
    await removeOwnImages()
  })

  test('volumes leaves an image of which the engine knows when it was used last', async () => {
    const start = Date.now()
    await using sandbox = await world.started({ image: HOSTILE })
    await sandbox.destroy()
    const [plain, ...others] = await world.engine.taggedImages({ plainOf: world.installation })
    expect([plain?.ref, others]).toEqual([expect.stringMatching(/^drydock\/without-volumes:/), []])
    expect(await world.engine.taggedImages({ plainOf: 'another' })).toEqual([])
    const usedAt = plain?.usedAt.getTime() ?? 0
    expect(usedAt).toBeGreaterThan(start - 3_600_000)
    await world.engine.touchImage(plain?.ref ?? '')
    const [touched] = await world.engine
      .taggedImages({ repositories: ['drydock/without-volumes'] })
      .then((all) => all.filter(({ ref }) => ref === plain?.ref))
    expect(touched?.usedAt.getTime()).toBeGreaterThan(usedAt)
    await world.engine.touchImage('drydock/no-such-image:1')
    await removeOwnImages()
  })

  async function removeOwnImages(): Promise<void> {
    const owned = await world.engine.listOwned(world.installation)
    for (const one of owned) if (one.type === 'image') await world.engine.removeImage(one.name)
  }
})

describe('start() tells what an image lacks', () => {
  test.each([
    ['git', WITHOUT_GIT, 'image-without-git'],
    ['sh', EMPTY, 'image-without-sh'],
  ])('%s', async (what, image, reason) => {
    const starting = world.engine.createSandbox(world.specOf({ image })).start(NEVER)
    await expect(starting).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(`has no ${what}`) as string,
    })
  })
})
