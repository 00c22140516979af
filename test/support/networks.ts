import type { ModelUsage } from '../../sandbox-policy/control.ts'
import type { LivePlan } from '../../runner/live-plan.ts'
import type { NetworkPlan } from '../../runner/network-plan.ts'
import type { NetworkGrant, Networks, NetworkService, SandboxNetwork } from '../../runner/network/network.ts'

export type FakeNetwork = SandboxNetwork & {
  grants: NetworkGrant[]
  closed: boolean
  assigned?: string
  spent: ModelUsage
}

/** Networks that reach nothing: they write down what they were told to permit, and whether they were given back. */
export function fakeNetworks(): Pick<Networks, 'take'> & { made: FakeNetwork[] } {
  const made: FakeNetwork[] = []
  return {
    made,
    async take(_owner, _signal, services = []) {
      const network = fakeNetwork(`network-${made.length + 1}`, services)
      made.push(network)
      return network
    },
  }
}

function fakeNetwork(id: string, services: readonly NetworkService[]): FakeNetwork {
  const place = { network: id, dns: '10.213.0.6' }
  const network: FakeNetwork = {
    id,
    attachment: { ...place, address: '10.213.0.2' },
    services: services.map((_, i) => ({ ...place, address: `10.213.0.${i + 3}` })),
    env: { HTTP_PROXY: 'http://10.213.0.6:3128' },
    mounts: [{ host: '/trust/ca.pem', target: '/etc/drydock/ca-bundle.pem' }],
    grants: [],
    closed: false,
    spent: { inputTokens: 0, outputTokens: 0, requests: 0, budgetLeft: null, exhausted: false },
    ledgerFailedAt: undefined,
    isCurrent: async () => true,
    assign: (attempt) => void (network.assigned = attempt),
    permit: async (grant) => void network.grants.push(grant),
    usage: async () => network.spent,
    close: async () => {
      network.closed = true
    },
    [Symbol.asyncDispose]: () => network.close(),
  }
  return network
}

/** A plan that a test changes by hand. */
export function aPlan(first: NetworkPlan): LivePlan & { change: (plan: NetworkPlan) => Promise<void> } {
  let current = first
  const followers = new Set<() => Promise<void>>()
  return {
    get current() {
      return current
    },
    follow(onChange) {
      followers.add(onChange)
      return () => void followers.delete(onChange)
    },
    async change(plan) {
      current = plan
      for (const follower of followers) await follower()
    },
  }
}
