import type { Labels } from './engine.ts'

// What the network side needs of an engine besides sandboxes.

export type NetworkSpec = {
  name: string
  labels: Labels
  /** IPv4, CIDR. The first usable address is reserved for the bridge. */
  subnet: string
  /** `sandbox`: internal, the bridge without an address. `outer`: a way out by NAT, containers do not see each other. */
  kind: 'sandbox' | 'outer'
  /** Name of the bridge on the engine's host; the engine finds one otherwise. */
  bridge?: string
}

export type NetworkInfo = {
  id: string
  name: string
  labels: Labels
  /** IPv4 and IPv6, CIDR. */
  subnets: readonly string[]
  /** Addresses of the bridge on the engine's host, where it has one. */
  bridges: readonly string[]
}

/** A container in a network; `address` is empty while it does not run. */
export type NetworkMember = { id: string; name: string; address: string }

export type EngineFacts = {
  version: string
  /** Ranges from which the engine was told to make subnets; empty: its built-in ones. */
  addressPools: readonly string[]
}

/** One command in a container of its own, without rights, that is removed afterwards. */
export type OneShot = {
  image: string
  labels: Labels
  command: readonly string[]
  network: 'none' | 'host' | { name: string; address: string; dns: string } | { container: string }
  env?: Readonly<Record<string, string>>
  /** Written to its standard input as it comes; without it standard input is closed. */
  stdin?: AsyncIterable<string>
  onOutput?: (text: string) => void
}

export type OneShotResult = { code: number; stdout: string; stderr: string }

/** Networks, and containers that serve them. Errors as in `Engine`. */
export interface NetworkEngine {
  /** Resolves to `overlaps` when another network has part of the subnet. Rejects with `name-taken`. */
  createNetwork(spec: NetworkSpec): Promise<'created' | 'overlaps'>
  /** All networks of the engine, not only ours. */
  listNetworks(): Promise<NetworkInfo[]>
  /** The containers of a network, also those that do not run. */
  networkMembers(name: string): Promise<NetworkMember[]>
  /** Puts a container into a network under an address; success when it is there already. */
  connectNetwork(name: string, member: { container: string; address: string }): Promise<void>
  /** Success when it is not there. */
  disconnectNetwork(name: string, container: string): Promise<void>
  /** True when it is gone, false while a container is in it. */
  removeNetwork(name: string): Promise<boolean>
  /** Calls back whenever a network is made or removed, until the stream of events ends or the signal aborts. */
  followNetworks(onChange: () => void, signal: AbortSignal): Promise<void>
  engineFacts(): Promise<EngineFacts>
  /** Runs to the end, or until the signal aborts; leaves no container behind. */
  runOnce(spec: OneShot, signal: AbortSignal): Promise<OneShotResult>
}
