import { hasCode } from '../../domain/errors.ts'
import { AttemptFailure } from '../failure.ts'
import { LABELS, type Attached, type Engine } from '../sandbox/engine.ts'
import type { Log } from './log.ts'
import { contains, readRange, subnetOf, subnetsOf, type Range, type Subnet } from './subnets.ts'

/** A network that one sandbox uses at a time. */
export type PoolNetwork = {
  name: string
  gateway: string
  /** The sandbox's address: another one at each use, so that nothing late is taken for its successor's. */
  sandbox: string
  /** Those that are left, for what stands beside the sandbox. */
  others: readonly string[]
  /** Where the bridge would have its address. */
  bridge: string
}

export type PoolDeps = {
  engine: Pick<
    Engine,
    | 'createNetwork'
    | 'removeNetwork'
    | 'connectNetwork'
    | 'disconnectNetwork'
    | 'networkMembers'
    | 'listOwned'
    | 'listNetworks'
  >
  installation: string
  /** The container that holds the gateway's end of every network. */
  ground: string
  range: string
  /** What subnets must not overlap besides the engine's: networks of the host. */
  avoid: () => readonly Range[]
  /** How many networks are kept ready; it grows with how many are in use. */
  ready: { least: number; most: number }
  log: Log
}

const MAX_TRIES = 64
export const POOL_KIND = 'sandbox-network'

type Entry = Subnet & { name: string; uses: number }

/** Ready networks: making one and attaching the gateway takes longer than a sandbox should wait. */
export class NetworkPool {
  readonly #deps: PoolDeps
  readonly #ready: Entry[] = []
  readonly #inUse = new Map<string, Entry>()
  /** To be removed, and tried again until they are. */
  readonly #doomed = new Set<string>()
  #filling: Promise<void> | undefined
  #closed = false

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  /** What the gateway's container is to be attached to. */
  attachments(): Attached[] {
    return [...this.#ready, ...this.#inUse.values()].map(({ name, gateway }) => ({ name, address: gateway }))
  }

  /** Takes over what an earlier process left: empty networks are used again, the others removed once they are empty. */
  async adopt(): Promise<void> {
    const { engine, installation, ground } = this.#deps
    const owned = await engine.listOwned(installation)
    const names = new Set(owned.filter((it) => it.type === 'network' && it.kind === POOL_KIND).map((it) => it.name))
    for (const { name, subnets } of await engine.listNetworks()) {
      if (!names.has(name)) continue
      const subnet = subnetOf(subnets[0] ?? '')
      const isOurs = subnet !== undefined && contains(readRange(this.#deps.range), subnet.gateway)
      const members = await engine.networkMembers(name)
      const hasRoom = this.#ready.length < this.#deps.ready.most
      if (isOurs && hasRoom && members.every((member) => member.name === ground))
        this.#ready.push({ ...subnet, name, uses: 0 })
      else this.#doomed.add(name)
    }
  }

  /** Attaches the gateway's container to what it is not in; for after that one was made anew or adopted. */
  async attachAll(): Promise<void> {
    for (const { name, address } of this.attachments()) {
      await this.#deps.engine.connectNetwork(name, { container: this.#deps.ground, address })
    }
  }

  /** Makes networks before there is a container to attach: it is started with all of them at once, which is quicker. */
  async prepare(count: number): Promise<void> {
    while (this.#ready.length < count) this.#ready.push({ ...(await this.#create()), uses: 0 })
  }

  /** A network with nothing in it but the gateway. Rejects with AttemptFailure `network-unavailable` when there is none to be had. */
  async take(): Promise<PoolNetwork> {
    const entry = this.#ready.shift() ?? (await this.#make())
    this.#inUse.set(entry.name, entry)
    void this.fill()
    const sandbox = entry.sandboxes[entry.uses % entry.sandboxes.length] ?? ''
    entry.uses++
    const others = entry.sandboxes.filter((address) => address !== sandbox)
    return { name: entry.name, gateway: entry.gateway, sandbox, others, bridge: entry.bridge }
  }

  /**
   * Keeps it for the next one if there is certainly nothing left in it, else removes it. Not `again`: others than one
   * sandbox had addresses in it, and the next sandbox must not get one of those.
   */
  async giveBack({ name }: Pick<PoolNetwork, 'name'>, { again = true } = {}): Promise<void> {
    const { engine, ground } = this.#deps
    const entry = this.#inUse.get(name)
    if (entry === undefined) return
    const members = await engine.networkMembers(name).catch(() => undefined)
    this.#inUse.delete(name)
    const isEmpty = members?.every((member) => member.name === ground) === true && members.length === 1
    if (again && isEmpty && !this.#closed && this.#ready.length < this.#deps.ready.most) this.#ready.push(entry)
    else {
      this.#doomed.add(name)
      await this.sweep()
    }
  }

  /** Makes what is missing, one after the other: the engine works on one network at a time anyway. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  /** Removes what is to be removed and can be. */
  async sweep(): Promise<void> {
    await Promise.all([...this.#doomed].map((name) => this.#remove(name)))
  }

  /** Removes all networks. Those of sandboxes that still run stay for the next process. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#filling
    for (const { name } of this.#ready.splice(0)) this.#doomed.add(name)
    for (const name of this.#inUse.keys()) this.#doomed.add(name)
    await this.sweep()
  }

  async #remove(name: string): Promise<void> {
    const { engine, ground, log } = this.#deps
    try {
      await engine.disconnectNetwork(name, ground)
      if (await engine.removeNetwork(name)) this.#doomed.delete(name)
    } catch (error) {
      log.warn({ err: error, network: name }, 'Cannot remove a network; it is tried again')
    }
  }

  async #fill(): Promise<void> {
    const { least, most } = this.#deps.ready
    const target = () => Math.min(most, Math.max(least, Math.floor(this.#inUse.size / 4)))
    while (!this.#closed && this.#ready.length < target()) {
      try {
        this.#ready.push(await this.#make())
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'Cannot make a network beforehand')
        return
      }
    }
  }

  async #make(): Promise<Entry> {
    const entry = await this.#create()
    try {
      await this.#deps.engine.connectNetwork(entry.name, { container: this.#deps.ground, address: entry.gateway })
    } catch (error) {
      this.#doomed.add(entry.name)
      void this.sweep()
      throw error
    }
    return { ...entry, uses: 0 }
  }

  #create(): Promise<Subnet & { name: string }> {
    const { installation } = this.#deps
    return createSubnetNetwork(this.#deps, {
      kind: 'sandbox',
      labels: { [LABELS.kind]: POOL_KIND },
      nameOf: (subnet) => `drydock-${installation}-${subnet.cidr.split('/')[0]}`,
    })
  }
}

export type SubnetNetworkInput = {
  kind: 'sandbox' | 'outer'
  labels: Readonly<Record<string, string>>
  nameOf: (subnet: Subnet) => string
}

/** Makes a network on the first free /29 of the range. */
export async function createSubnetNetwork(
  { engine, installation, range, avoid }: Pick<PoolDeps, 'engine' | 'installation' | 'range' | 'avoid'>,
  input: SubnetNetworkInput,
): Promise<Subnet & { name: string }> {
  let tries = 0
  for (const subnet of subnetsOf(range, avoid())) {
    const creating = engine.createNetwork({
      name: input.nameOf(subnet),
      labels: { [LABELS.installation]: installation, ...input.labels },
      subnet: subnet.cidr,
      kind: input.kind,
    })
    const outcome = await creating.catch((error: unknown) => {
      // The name of a sandbox's network is its subnet: another sandbox has it.
      if (input.kind === 'sandbox' && hasCode(error, 'name-taken')) return 'overlaps' as const
      throw error
    })
    if (outcome === 'created') return { ...subnet, name: input.nameOf(subnet) }
    if (++tries >= MAX_TRIES) break
  }
  throw new AttemptFailure(
    'network-unavailable',
    `Cannot make a network for the sandbox: no subnet of ${range} is free at the engine. Choose another range in the server's settings.`,
  )
}
