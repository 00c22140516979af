import { addAbortSignal, type Readable } from 'node:stream'
import type Docker from 'dockerode'
import { DrydockError } from '../../domain/errors.ts'
import { stateOf, wordsOf, type DockerErrors } from './docker-errors.ts'
import { jsonLines } from './json-lines.ts'
import type { NetworkEngine, NetworkSpec } from './network-engine.ts'

const GONE = [404]
const BRIDGE = 'com.docker.network.bridge'

type Networks = Omit<NetworkEngine, 'runOnce'>

export type DockerNetworksOptions = {
  /** False makes networks like an engine that does not know how to leave a bridge without an address. */
  bareBridges: boolean
}

/** Networks of the engine. Contracts: `NetworkEngine`. */
export function dockerNetworks(docker: Docker, errors: DockerErrors, options: DockerNetworksOptions): Networks {
  const { during, unless } = errors
  return {
    async createNetwork(spec) {
      try {
        await docker.createNetwork(bodyOf(spec, options))
        return 'created'
      } catch (error) {
        if (/overlap/i.test(wordsOf(error))) return 'overlaps'
        if (stateOf(error) === 409)
          throw new DrydockError('name-taken', `Cannot create network "${spec.name}": there is one of that name`)
        return during(`create network "${spec.name}"`, Promise.reject(error as Error))
      }
    },
    async listNetworks() {
      const networks = await during('list networks', docker.listNetworks())
      return networks.map(({ Id, Name, Labels, IPAM }) => ({
        id: Id,
        name: Name,
        labels: Labels ?? {},
        subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
        bridges: (IPAM?.Config ?? []).flatMap(({ Gateway }) => Gateway ?? []),
      }))
    },
    async networkMembers(name) {
      const filters = { network: [name] }
      const containers = await during(`look into network "${name}"`, docker.listContainers({ all: true, filters }))
      return containers.map(({ Id, Names, NetworkSettings }) => ({
        id: Id,
        name: Names[0]?.slice(1) ?? Id,
        address: NetworkSettings.Networks[name]?.IPAddress ?? '',
      }))
    },
    async connectNetwork(name, { container, address }) {
      const body = { Container: container, EndpointConfig: { IPAMConfig: { IPv4Address: address } } }
      const connecting = (docker.getNetwork(name).connect(body) as Promise<unknown>).catch((error: unknown) => {
        if (!/already exists in network/.test(wordsOf(error))) throw error
      })
      await during(`connect network "${name}"`, connecting)
    },
    async disconnectNetwork(name, container) {
      const leaving = docker.getNetwork(name).disconnect({ Container: container, Force: true }) as Promise<unknown>
      const settled = leaving.catch((error: unknown) => {
        if (!/is not connected to/.test(wordsOf(error))) throw error
      })
      await unless(GONE, `disconnect network "${name}"`, settled)
    },
    async removeNetwork(name) {
      const removing = docker.getNetwork(name).remove() as Promise<unknown>
      const outcome = removing.then(
        () => true,
        (error: unknown) => {
          if (GONE.includes(stateOf(error) ?? 0)) return true
          if (/active endpoints/.test(wordsOf(error))) return false
          throw error
        },
      )
      return during(`remove network "${name}"`, outcome)
    },
    async followNetworks(onChange, signal) {
      const filters = { type: ['network' as const], event: ['create', 'destroy'] }
      const events = (await during('follow the engine', docker.getEvents({ filters }))) as Readable
      addAbortSignal(signal, events)
      for await (const event of jsonLines(events)) if (event !== undefined) onChange()
    },
    async engineFacts() {
      const info = (await during('ask the engine what it is', docker.info())) as {
        ServerVersion?: string
        DefaultAddressPools?: { Base?: string }[] | null
      }
      return {
        version: info.ServerVersion ?? '',
        addressPools: (info.DefaultAddressPools ?? []).flatMap(({ Base }) => Base ?? []),
      }
    },
  }
}

function bodyOf(spec: NetworkSpec, { bareBridges }: DockerNetworksOptions): Docker.NetworkCreateOptions {
  const isSandbox = spec.kind === 'sandbox'
  return {
    Name: spec.name,
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: isSandbox,
    EnableIPv6: false,
    Attachable: false,
    Labels: { ...spec.labels },
    IPAM: { Driver: 'default', Config: [{ Subnet: spec.subnet }] },
    Options: {
      // With an address of its own the bridge is a way to every service of the host that listens on all addresses.
      ...(isSandbox && bareBridges ? { [`${BRIDGE}.inhibit_ipv4`]: 'true' } : {}),
      ...(isSandbox ? {} : { [`${BRIDGE}.enable_icc`]: 'false' }),
      ...(spec.bridge !== undefined ? { [`${BRIDGE}.name`]: spec.bridge } : {}),
    },
  }
}
