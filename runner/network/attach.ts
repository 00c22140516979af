import type { Attachment, NetworkService } from './network.ts'
import type { PoolNetwork } from './pool.ts'

export type PlacedService = NetworkService & { address: string }

/** Gives each service an address of the network. */
export function place({ others }: Pick<PoolNetwork, 'others'>, services: readonly NetworkService[]): PlacedService[] {
  return services.map((service, i) => {
    const address = others[i]
    if (address === undefined) throw new Error('Cannot place a service: the network has no room for it')
    return { ...service, address }
  })
}

/** How the sandbox and its services are put into their network. Each knows the others by name, and asks nobody for them. */
export function attach(network: PoolNetwork, services: readonly PlacedService[]) {
  const common = { network: network.name, dns: network.gateway }
  const hosts = Object.fromEntries(services.map(({ name, address }) => [name, address]))
  return {
    sandbox: { ...common, address: network.sandbox, hosts } satisfies Attachment,
    services: services.map(({ address }): Attachment => {
      return { ...common, address, hosts: { sandbox: network.sandbox, ...hosts } }
    }),
  }
}
