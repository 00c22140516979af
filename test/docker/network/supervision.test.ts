import { expect, inject, test } from 'vitest'
import { gatewayName, groundName } from '../../../runner/network/gateway-containers.ts'
import { GATEWAY_PATHS } from '../../../sandbox-policy/control.ts'
import { docker } from '../sandbox/harness.ts'
import { NEVER, grant, owner, useNetworks, until } from './harness.ts'

const COUNT = 20
const world = useNetworks({ testIsolation: false })
const gateway = gatewayName(world.installation)
const ground = groundName(world.installation)

const startedAt = (name: string) => docker('inspect', '--format', '{{.State.StartedAt}}', name)
const isRunning = async (name: string) => (await docker('inspect', '--format', '{{.State.Running}}', name)) === 'true'

/** Resolves when every network can be changed and used again after something happened. */
async function outage(what: () => Promise<unknown>): Promise<void> {
  const before = await startedAt(gateway)
  await what()
  await until(async () => (await startedAt(gateway)) !== before && (await isRunning(gateway)))
  await Promise.all(networks.map((network) => network.permit(grant(['allowed.test']))))
}

let networks: Awaited<ReturnType<typeof world.networks.take>>[] = []

test('take() gives networks of their own, each with nothing in it but the gateway', async () => {
  networks = await Promise.all(Array.from({ length: COUNT }, () => world.networks.take(owner, NEVER)))
  for (const network of networks) await network.permit(grant(['allowed.test']))
  expect(new Set(networks.map(({ attachment }) => attachment.network)).size).toBe(COUNT)
  for (const { attachment } of networks) {
    const members = await world.engine.networkMembers(attachment.network)
    expect(members).toEqual([{ id: expect.any(String), name: ground, address: attachment.dns }])
  }
}, 60_000)

test('a network is internal, without IPv6, and its bridge has no address', async () => {
  const name = networks[0]?.attachment.network ?? ''
  const facts = await docker('network', 'inspect', name, '--format', '{{.Internal}} {{.EnableIPv6}} {{.Id}}')
  const [internal, ipv6, id = ''] = facts.split(' ')
  expect([internal, ipv6]).toEqual(['true', 'false'])
  expect(
    await docker('run', '--rm', '--network', 'host', inject('baseImage'), 'cat', '/proc/net/fib_trie'),
  ).not.toContain(`${networks[0]?.attachment.dns.replace(/\d+$/, '')}`)
  expect(id).not.toBe('')
})

test('the gateway has no right that it does not need', async () => {
  const [spec] = JSON.parse(await docker('inspect', gateway)) as [
    { Config: { User: string; Env: string[] }; HostConfig: Record<string, unknown>; Mounts: { Destination: string }[] },
  ]
  expect(spec.Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(spec.HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], CapAdd: null, Privileged: false })
  expect(spec.HostConfig.SecurityOpt).toEqual(['no-new-privileges'])
  const targets = spec.Mounts.filter((mount) => 'Source' in mount).map(({ Destination }) => Destination)
  expect(targets.sort()).toEqual([GATEWAY_PATHS.control, GATEWAY_PATHS.local, GATEWAY_PATHS.state].sort())
  const [{ HostConfig }] = JSON.parse(await docker('inspect', ground)) as [{ HostConfig: { Sysctls: object } }]
  expect(HostConfig.Sysctls).toMatchObject({ 'net.ipv4.ip_forward': '0' })
})

// How soon is what `bin/drydock fault gateway` measures.
test(`a killed gateway serves ${COUNT} sandboxes again, every time`, async () => {
  for (let i = 0; i < 3; i++) await outage(() => docker('kill', gateway))
}, 60_000)

test('a killed ground is attached to every network again, and the gateway lives in it', async () => {
  await outage(() => docker('kill', ground))
  for (const { attachment } of networks) {
    const [member] = await world.engine.networkMembers(attachment.network)
    expect(member?.address).toBe(attachment.dns)
  }
  expect(await docker('exec', gateway, 'cat', '/proc/net/fib_trie')).toContain(networks[0]?.attachment.dns)
}, 60_000)

test('containers that were removed are made anew, with every network', async () => {
  await docker('rm', '-f', gateway, ground)
  await until(async () => (await world.engine.inspectService(gateway))?.running === true)
  await networks[0]?.permit(grant(['allowed.test']))
  const [member] = await world.engine.networkMembers(networks[COUNT - 1]?.attachment.network ?? '')
  expect(member?.address).toBe(networks[COUNT - 1]?.attachment.dns)
}, 60_000)

test('close() gives networks back, and another sandbox gets them under another address', async () => {
  const [first, ...rest] = networks
  if (first === undefined) throw new Error('no network')
  await first.close()
  await Promise.all(rest.map((network) => network.close()))
  await first.close()
  const later = await Promise.all(Array.from({ length: 8 }, () => world.networks.take(owner, NEVER)))
  const known = new Map(networks.map(({ attachment }) => [attachment.network, attachment.address]))
  const reused = later.filter(({ attachment }) => known.has(attachment.network))
  expect(reused.length).toBeGreaterThan(0)
  for (const { attachment } of reused) expect(attachment.address).not.toBe(known.get(attachment.network))
  await Promise.all(later.map((network) => network.close()))
}, 60_000)

test('a network in which something is left is not used again', async () => {
  const network = await world.networks.take(owner, NEVER)
  const { network: name } = network.attachment
  const intruder = await docker('create', '--network', name, inject('baseImage'), 'true')
  await network.close()
  const later = await Promise.all(Array.from({ length: 8 }, () => world.networks.take(owner, NEVER)))
  expect(later.map(({ attachment }) => attachment.network)).not.toContain(name)
  await docker('rm', '-f', intruder)
  await Promise.all(later.map((each) => each.close()))
}, 60_000)
