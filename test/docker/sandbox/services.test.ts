import { afterAll, describe, expect, inject, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import type { ServiceSpec } from '../../../runner/sandbox/engine.ts'
import { docker, NEVER, useEngine } from './harness.ts'

const world = useEngine()
const name = `drydock-test-service-${newId()}`
const volume = `${name}-data`
const spec = (): ServiceSpec => ({
  name,
  image: inject('baseImage'),
  labels: { 'drydock.installation': world.installation, 'drydock.kind': 'test' },
  command: ['sh', '-c', 'echo "said $WORD"; trap "exit 0" TERM; sleep 60 & wait'],
  env: { WORD: 'hello' },
  volumes: [{ name: volume, target: '/data' }],
  network: 'none',
})

afterAll(async () => {
  await world.engine.removeService(name)
  await world.engine.removeVolume(volume)
})

describe('services', () => {
  test('runService() starts it; inspectService() finds it by name', async () => {
    const info = await world.engine.runService(spec(), NEVER)
    expect(info).toMatchObject({ name, running: true, health: 'none' })
    expect(await world.engine.inspectService(name)).toEqual(info)
    expect(await world.engine.inspectService(`${name}-other`)).toBeUndefined()
  })

  test('runService() of a name that exists rejects with name-taken', async () => {
    await expect(world.engine.runService(spec(), NEVER)).rejects.toMatchObject({ code: 'name-taken' })
  })

  test('serviceLog() has its words', async () => {
    await expect.poll(() => world.engine.serviceLog(name, 10)).toBe('said hello\n')
  })

  test('listOwned() shows container and volume without an attempt', async () => {
    const owned = await world.engine.listOwned(world.installation)
    expect(owned.map(({ type, name: of, kind, attempt }) => ({ type, of, kind, attempt }))).toEqual([
      { type: 'container', of: name, kind: 'test', attempt: undefined },
      { type: 'volume', of: volume, kind: 'test', attempt: undefined },
    ])
  })

  test('startService() starts it again after it was killed, and is content when it runs', async () => {
    await docker('kill', name)
    expect((await world.engine.inspectService(name))?.running).toBe(false)
    await world.engine.startService(name)
    await world.engine.startService(name)
    expect((await world.engine.inspectService(name))?.running).toBe(true)
  })

  test('removeService() leaves the volume, removeVolume() ends it; both are content when it is gone', async () => {
    await world.engine.removeService(name)
    await world.engine.removeService(name)
    expect((await world.engine.listOwned(world.installation)).map(({ type }) => type)).toEqual(['volume'])
    await world.engine.removeVolume(volume)
    await world.engine.removeVolume(volume)
  })
})

describe('images', () => {
  test('imageInfo() knows digest and size, and undefined for what is not there', async () => {
    const info = await world.engine.imageInfo(inject('baseImage'))
    expect(info?.id).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(info?.sizeBytes).toBeGreaterThan(10_000_000)
    expect(await world.engine.imageInfo('drydock/no-such-image:1')).toBeUndefined()
  })

  test('removeImage() of what is not there is success', async () => {
    expect(await world.engine.removeImage('drydock/no-such-image:1')).toBe(true)
  })

  test('pull() of what no registry has rejects with image-unavailable and the name', async () => {
    const pulling = world.engine.pull('127.0.0.1:1/no/such-image:1', NEVER)
    await expect(pulling).rejects.toMatchObject({
      reason: 'image-unavailable',
      message: expect.stringContaining('no/such-image') as string,
    })
  })

  test('ping() answers', async () => {
    await world.engine.ping(NEVER)
  })
})
