import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gatewayName } from '../../../runner/network/gateway-containers.ts'
import { startParts, type NetworkParts } from '../../../runner/network/network-parts.ts'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import { OneNetwork } from '../../../runner/network/one-network.ts'
import { sandboxFiles } from '../../../runner/network/trust.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { docker, sh } from '../sandbox/harness.ts'
import { NEVER, grant, owner, sandboxOn, until, useNetworks } from './harness.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const NAME = 'allowed.test'
const LEASE_MS = 12_000

describe.skipIf(process.getuid?.() !== 0)('the lease', () => {
  let upstream: Upstream
  const world = useNetworks({
    testIsolation: false,
    options: () => ({ staticHosts: { [NAME]: [upstream.address] }, upstreamCas: [upstream.ca] }),
  })
  let parts: NetworkParts
  let network: SandboxNetwork
  let sandbox: Sandbox

  beforeAll(async () => {
    upstream = await startUpstream([NAME], (request, response) => {
      response.writeHead(200).write('first\n')
      if (request.url !== '/stream') response.end()
    })
    const deps = world.deps()
    parts = await startParts(deps)
    const health = await parts.gateway.ready(NEVER)
    const place = await parts.pool.take()
    await parts.gateway.refresh()
    const files = await sandboxFiles(parts.folders.trust, { health, gateway: place.gateway, ownerCas: [] })
    network = new OneNetwork({ parts, network: place, owner, services: [], files, currentFiles: async () => files })
    await network.permit(grant([NAME]))
    sandbox = await sandboxOn(world, network)
  }, 300_000)
  afterAll(async () => {
    await sandbox.destroy()
    await parts[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  const get = () => sh(sandbox, `curl -sk -m 5 -o /dev/null -w '%{http_code}' https://${NAME}/`)
  const startedAt = () => docker('inspect', '--format', '{{.State.StartedAt}}', gatewayName(world.installation))

  test('is renewed while the runner lives', async () => {
    expect((await get()).stdout).toBe('200')
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1000))
    expect((await get()).stdout).toBe('200')
  }, 60_000)

  test('is given anew after a kill of the gateway, without a restart of the sandbox', async () => {
    await docker('kill', gatewayName(world.installation))
    await until(async () => (await get()).stdout === '200')
  }, 60_000)

  test('lapses when the runner is gone: what is open ends, and nothing passes any more', async () => {
    const streaming = sh(sandbox, `curl -skN -o /dev/null https://${NAME}/stream`)
    await until(() => upstream.seen.some((line) => line.endsWith('/stream')))
    const began = performance.now()
    await parts.gateway.close()
    await streaming
    expect(performance.now() - began).toBeLessThan(LEASE_MS + 2000)
    expect((await get()).stdout).not.toBe('200')
    const count = upstream.seen.length
    await sh(sandbox, `curl -sk -m 2 https://${NAME}/; curl -sk -m 2 --noproxy '*' https://${NAME}/; true`)
    expect(upstream.seen.length).toBe(count)
  }, 60_000)

  test('of the next runner covers its own sandboxes, by the same gateway', async () => {
    const before = await startedAt()
    const next = world.again()
    const later = await next.take(owner, NEVER)
    expect(later.attachment.network).not.toBe(network.attachment.network)
    expect(await startedAt()).toBe(before)
    expect((await get()).stdout).not.toBe('200')
    await later.permit(grant([NAME]))
    const other = await sandboxOn(world, later)
    const { stdout } = await sh(other, `curl -sk -o /dev/null -w '%{http_code}' https://${NAME}/`)
    expect(stdout).toBe('200')
    await other.destroy()
    await later.close()
  }, 60_000)
})
