import { newId } from '../../domain/ids.ts'
import { DEFAULT_SANDBOX_LIMITS, type SandboxConfig } from '../../sandbox-policy/control.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import type { NetworkParts, PartsDeps } from './network-parts.ts'
import type { PoolNetwork } from './pool.ts'
import { selfTest } from './self-test.ts'

const PREFIX = 'self-test-'
const LIMIT_MS = 60_000

/** Says whether a record is of the self-test: nobody's sandbox, and nothing to keep. */
export const isOfSelfTest = ({ sandbox }: { sandbox: string }) => sandbox.startsWith(PREFIX)

/** Runs the self-test in two networks of the pool, for a sandbox that may reach nothing. */
export async function testIsolation({ engine, installation, log }: PartsDeps, parts: NetworkParts): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS)
  const began = performance.now()
  const networks: PoolNetwork[] = []
  const id = `${PREFIX}${newId()}`
  try {
    const own = await parts.pool.take()
    networks.push(own)
    const peer = await parts.pool.take()
    networks.push(peer)
    await parts.gateway.put(nothingFor(id, own), signal)
    const { outer, ref } = parts.containers
    if (outer === undefined || ref === undefined) throw new Error('Cannot test the isolation: there is no gateway')
    await selfTest({ engine, installation, image: ref, host: parts.host, outer, networks: [own, peer] }, signal)
    log.info({ ms: Math.round(performance.now() - began) }, 'Sandbox networks lead to the gateway only')
  } finally {
    await parts.gateway.remove(id)
    for (const network of networks) await parts.pool.giveBack(network)
  }
}

function nothingFor(id: string, { gateway, sandbox }: PoolNetwork): SandboxConfig {
  return {
    id,
    attempt: null,
    phase: 'agent',
    gatewayAddress: gateway,
    sandboxAddress: sandbox,
    policyVersion: 1,
    policy: { policy: Policy.parse({}) },
    credentials: {},
    repositories: [],
    limits: DEFAULT_SANDBOX_LIMITS,
    seqAfter: 0,
  }
}
