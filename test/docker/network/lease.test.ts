import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gatewayName } from '../../../runner/network/gateway-containers.ts'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { docker, sh } from '../sandbox/harness.ts'
import { NEVER, grant, owner, sandboxOn, until, useNetworks } from './harness.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const NAME = 'allowed.test'
const LEASE_MS = 12_000

describe.skipIf(process.getuid?.() !== 0)('a runner that is gone', () => {
  let upstream: Upstream
  const world = useNetworks({
    testIsolation: false,
    options: () => ({ staticHosts: { [NAME]: [upstream.address] }, upstreamCas: [upstream.ca] }),
  })
  let network: SandboxNetwork
  let sandbox: Sandbox

  beforeAll(async () => {
    upstream = await startUpstream([NAME], (request, response) => {
      response.writeHead(200).write('first\n')
      if (request.url !== '/stream') response.end()
    })
    network = await world.networks.take(owner, NEVER)
    await network.permit(grant([NAME]))
    sandbox = await sandboxOn(world, network)
  })
  afterAll(async () => {
    await sandbox.destroy()
    await network.close()
    await upstream[Symbol.asyncDispose]()
  })
  const get = () => sh(sandbox, `curl -sk -o /dev/null -w '%{http_code}' https://${NAME}/`)

  test('the sandbox keeps its network while the runner lives, longer than a lease', async () => {
    expect((await get()).stdout).toBe('200')
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1000))
    expect((await get()).stdout).toBe('200')
  }, 60_000)

  test('the sandbox keeps its network over a kill of the gateway, without a restart of its own', async () => {
    await docker('kill', gatewayName(world.installation))
    await until(async () => (await get()).stdout === '200')
  }, 60_000)
})
