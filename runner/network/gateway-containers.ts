import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { DrydockError, hasCode } from '../../domain/errors.ts'
import { GATEWAY_PATHS } from '../../sandbox-policy/control.ts'
import { LABELS, type Engine, type Labels, type ServiceInfo, type ServiceSpec } from '../sandbox/engine.ts'
import type { GatewayFolders } from './gateway-folders.ts'
import { createSubnetNetwork, type NetworkPool, type PoolDeps } from './pool.ts'
import { subnetOf } from './subnets.ts'

// ground: a container that does nothing but hold the network: the outer one and the gateway's end of each sandbox's. The
// gateway's process runs in a second container inside of it, so that a new one need not be attached to anything.

export type ContainersEngine = PoolDeps['engine'] &
  Pick<Engine, 'imageInfo' | 'runService' | 'inspectService' | 'startService' | 'restartService' | 'removeService'> &
  Pick<Engine, 'serviceLog' | 'removeNetwork'>

export type ContainersDeps = {
  engine: ContainersEngine
  installation: string
  folders: GatewayFolders
  pool: NetworkPool
  /** Image reference of the gateway, built first where it is missing. */
  image: (signal: AbortSignal) => Promise<string>
  range: string
  avoid: PoolDeps['avoid']
  memoryMiB?: number
}

/** The image, and what the gateway made of it is known by. */
type Image = { ref: string; settings: string }

export type OuterNetwork = { bridge: string; ground: string; cidr: string }

const OUTER_KIND = 'outer-network'
const SETTINGS_LABEL = 'drydock.settings'
/** Of these containers' making; another number replaces those of an earlier program. */
const MAKE = 2
const GATEWAY_MEMORY_MIB = 1024
/** Sandboxes that keep every processor busy must not keep the gateway from coming back. */
const GATEWAY_CPU_SHARES = 16 * 1024

export const groundName = (installation: string) => `drydock-ground-${installation}`
export const gatewayName = (installation: string) => `drydock-gateway-${installation}`

export class GatewayContainers {
  readonly #deps: ContainersDeps
  readonly ground: string
  readonly gateway: string
  #image: { ref: string; settings: string } | undefined
  /** Id of the ground that is known to be attached to everything: that survives its being started again. */
  #attached: string | undefined
  #outer: (OuterNetwork & { name: string }) | undefined

  constructor(deps: ContainersDeps) {
    this.#deps = deps
    this.ground = groundName(deps.installation)
    this.gateway = gatewayName(deps.installation)
  }

  get outer(): OuterNetwork | undefined {
    return this.#outer
  }

  /** The gateway's image, once it is known. */
  get ref(): string | undefined {
    return this.#image?.ref
  }

  /** Brings both containers up, or finds that they are; then the gateway is in the ground's network as it is. */
  async ensure(signal: AbortSignal): Promise<void> {
    const image = (this.#image ??= await this.#findImage(signal))
    this.#outer ??= await this.#findOuter()
    const [ground, gateway] = await Promise.all([this.#ensureGround(image), this.#gatewayAsIs(image)])
    // One that was started before the ground is in a network that is no more.
    if (gateway?.running && gateway.startedAt > ground.startedAt) return
    if (gateway === undefined) await this.#runGateway(image, signal)
    else if (gateway.running) await this.#deps.engine.restartService(this.gateway)
    else await this.#startAgain(image, signal)
  }

  /** Ends the gateway's process and starts it anew: for one that lives and does not answer. */
  async restartGateway(): Promise<void> {
    await this.#deps.engine.restartService(this.gateway)
  }

  async log(lines: number): Promise<string> {
    return this.#deps.engine.serviceLog(this.gateway, lines).catch(() => '')
  }

  async remove(): Promise<void> {
    const { engine } = this.#deps
    await Promise.all([this.gateway, this.ground].map((name) => engine.removeService(name, { atOnce: true })))
    this.#attached = undefined
  }

  async removeOuter(): Promise<void> {
    if (this.#outer !== undefined) await this.#deps.engine.removeNetwork(this.#outer.name)
    this.#outer = undefined
  }

  #labels(settings: string): Labels {
    return {
      [LABELS.installation]: this.#deps.installation,
      [LABELS.kind]: 'service',
      [SETTINGS_LABEL]: settings,
    }
  }

  async #findOuter(): Promise<OuterNetwork & { name: string }> {
    const { engine, installation, range, avoid } = this.#deps
    const name = `drydock-egress-${installation}`
    const existing = (await engine.listNetworks()).find((network) => network.name === name)
    const subnet = subnetOf(existing?.subnets[0] ?? '')
    const found =
      subnet ??
      (await createSubnetNetwork(
        { engine, installation, range, avoid },
        { kind: 'outer', labels: { [LABELS.kind]: OUTER_KIND }, nameOf: () => name },
      ))
    return { name, bridge: found.bridge, ground: found.sandboxes[0] ?? '', cidr: found.cidr }
  }

  async #ensureGround(image: Image): Promise<ServiceInfo> {
    const { engine, pool } = this.#deps
    const settings = hashOf([MAKE, this.#outer?.name, this.#outer?.cidr])
    const found = await engine.inspectService(this.ground)
    if (found?.labels[SETTINGS_LABEL] === settings) {
      try {
        if (!found.running) await engine.startService(this.ground)
        const now = found.running ? found : await engine.inspectService(this.ground)
        if (now !== undefined) return await this.#attach(now)
      } catch (error) {
        if (hasCode(error, 'engine-unavailable')) throw error
        // A network of it was removed, or an address taken: it is made anew.
      }
    }
    if (found !== undefined) await this.remove()
    const outer = { name: this.#outer?.name ?? '', address: this.#outer?.ground ?? '' }
    const made = await engine.runService(
      groundSpec({
        name: this.ground,
        image: image.ref,
        labels: this.#labels(settings),
        attached: [outer, ...pool.attachments()],
      }),
      AbortSignal.timeout(60_000),
    )
    return this.#attach(made)
  }

  async #attach(ground: ServiceInfo): Promise<ServiceInfo> {
    if (this.#attached !== ground.id) await this.#deps.pool.attachAll()
    this.#attached = ground.id
    return ground
  }

  /** The gateway's container if it is of the right make; one that is not is removed. */
  async #gatewayAsIs(image: Image): Promise<ServiceInfo | undefined> {
    const { engine } = this.#deps
    const found = await engine.inspectService(this.gateway)
    if (found === undefined || found.labels[SETTINGS_LABEL] === image.settings) return found
    await engine.removeService(this.gateway, { atOnce: true })
    return undefined
  }

  async #findImage(signal: AbortSignal): Promise<Image> {
    const { engine, folders, memoryMiB } = this.#deps
    const ref = await this.#deps.image(signal)
    const info = await engine.imageInfo(ref)
    if (info === undefined)
      throw new DrydockError('image-unavailable', `Cannot start the gateway: the engine has no image "${ref}"`)
    const { control, local, state, user } = folders
    return { ref, settings: hashOf([MAKE, info.id, control, local, state, user, memoryMiB]) }
  }

  async #startAgain(image: Image, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.engine.startService(this.gateway)
    } catch (error) {
      if (hasCode(error, 'engine-unavailable')) throw error
      // The ground that it was made for is no more.
      await this.#deps.engine.removeService(this.gateway, { atOnce: true })
      await this.#runGateway(image, signal)
    }
  }

  async #runGateway(image: Image, signal: AbortSignal): Promise<void> {
    const { engine, folders, memoryMiB } = this.#deps
    await engine.runService(
      gatewaySpec({
        name: this.gateway,
        image: image.ref,
        ground: this.ground,
        folders,
        labels: this.#labels(image.settings),
        memoryMiB: memoryMiB ?? GATEWAY_MEMORY_MIB,
      }),
      signal,
    )
  }
}

/** A kernel without IPv6 has no such settings, and the engine fails when it is to set them. */
const WITHOUT_IPV6 = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' }

type GroundInput = Pick<ServiceSpec, 'name' | 'image' | 'labels'> & {
  attached: readonly { name: string; address: string }[]
}

function groundSpec({ attached, ...rest }: GroundInput): ServiceSpec {
  return {
    ...rest,
    network: { attached },
    memoryMiB: 32,
    hardened: {
      user: '65534:65534',
      entrypoint: ['sleep', 'infinity'],
      pids: 8,
      sysctls: {
        // Nothing passes but what the gateway's process reads and writes.
        'net.ipv4.ip_forward': '0',
        ...(existsSync('/proc/sys/net/ipv6') ? WITHOUT_IPV6 : {}),
        // An address answers on its own network only.
        'net.ipv4.conf.all.arp_ignore': '1',
        'net.ipv4.conf.all.rp_filter': '1',
        'net.ipv4.conf.default.rp_filter': '1',
        'net.ipv4.ip_unprivileged_port_start': '0',
        'net.core.somaxconn': '4096',
      },
    },
  }
}

type GatewayInput = Pick<ServiceSpec, 'name' | 'image' | 'labels'> & {
  ground: string
  folders: GatewayFolders
  memoryMiB: number
}

function gatewaySpec({ ground, folders, ...rest }: GatewayInput): ServiceSpec {
  return {
    ...rest,
    network: { container: ground },
    binds: [
      { host: folders.control, target: GATEWAY_PATHS.control, readOnly: false },
      { host: folders.local, target: GATEWAY_PATHS.local, readOnly: false },
      { host: folders.state, target: GATEWAY_PATHS.state, readOnly: false },
    ],
    cpuShares: GATEWAY_CPU_SHARES,
    hardened: { user: folders.user, tmpfs: ['/tmp'], pids: 128 },
  }
}

const hashOf = (parts: readonly unknown[]) =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
