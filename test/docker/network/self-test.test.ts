import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { docker } from '../sandbox/harness.ts'
import { NEVER, owner, useNetworks } from './harness.ts'

describe('on this engine', () => {
  const world = useNetworks()

  test('the self-test finds nothing, quickly', async () => {
    const network = await world.networks.take(owner, NEVER)
    await network.close()
    expect(world.ledger).toEqual([])
    // Both canaries and their networks are gone or given back.
    const left = await world.engine.listOwned(world.installation)
    expect(left.filter(({ type }) => type === 'container')).toHaveLength(2)
  })
})

describe('on an engine whose bridges have addresses', () => {
  const world = useNetworks({}, { bareBridges: false })

  test('take() rejects every time and says what can be reached', async () => {
    for (let i = 0; i < 2; i++) {
      const taking = world.networks.take(owner, NEVER)
      await expect(taking).rejects.toMatchObject({ reason: 'network-unavailable' })
      await expect(taking).rejects.toThrow(/self-test failed.* 10\.213\.\d+\.\d+:\d+ can be reached/)
    }
  })
})

describe('with a service on the gateway that is none of its own', () => {
  const world = useNetworks()
  let intruder = ''

  beforeAll(async () => {
    // First with a test that is switched off: there must be a ground to join.
    const early = world.again({ testIsolation: false })
    await (await early.take(owner, NEVER)).close()
    const ground = `container:drydock-ground-${world.installation}`
    const script = "require('node:net').createServer().listen(9229, '0.0.0.0')"
    const image = await docker('inspect', '--format', '{{.Image}}', `drydock-gateway-${world.installation}`)
    intruder = await docker('run', '-d', '--network', ground, '--entrypoint', 'node', image, '-e', script)
  })
  afterAll(() => docker('rm', '-f', intruder))

  test('take() rejects and names the port', async () => {
    await expect(world.networks.take(owner, NEVER)).rejects.toThrow(/gateway listens on [\d.]+:9229/)
  })
})
