import type { GatewaySettings } from '../../sandbox-policy/control.ts'
import type { Engine } from '../sandbox/engine.ts'
import type { HostNetwork } from './host-facts.ts'
import { contains, parseRange } from './subnets.ts'

/** What an administrator decides about the gateway; the rest is read from the machine. */
export type GatewayOptions = {
  staticHosts?: GatewaySettings['staticHosts']
  upstreamCas?: readonly string[]
  upstreamProxy?: string
  redactQueries?: boolean
  /** Addresses and ranges that no rule opens besides those of the engine: the database's, for one. */
  forbidden?: readonly string[]
}

export type SettingsInput = {
  engine: Pick<Engine, 'listNetworks'>
  facts: ReturnType<Engine['engineFacts']>
  range: string
  host: HostNetwork
  options: GatewayOptions
}

/** The gateway's settings as the machine is at this moment. */
export async function readSettings({ engine, facts, range, host, options }: SettingsInput): Promise<GatewaySettings> {
  const [networks, { addressPools }] = await Promise.all([engine.listNetworks(), facts])
  const docker = [...networks.flatMap(({ subnets }) => subnets), ...addressPools]
  const forbidden = [...new Set([range, ...docker, ...(options.forbidden ?? [])])].sort()
  const ranges = docker.flatMap((cidr) => parseRange(cidr) ?? [])
  return {
    forbidden,
    // A bridge's address is the host's as well, and a way to its services that no rule is to open.
    hostAddresses: host.addresses.filter((address) => !ranges.some((subnet) => contains(subnet, address))),
    staticHosts: options.staticHosts ?? {},
    upstreamCas: options.upstreamCas ?? [],
    ...(options.upstreamProxy !== undefined && { upstreamProxy: options.upstreamProxy }),
    redactQueries: options.redactQueries ?? false,
  }
}
