import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressSet, vetAddresses, type AddressSet, type Vetted } from '../../addresses.ts'
import type { GatewaySettings } from '../../control.ts'
import { isCanonicalName } from '../../names.ts'
import { DialError, type Dialer } from './dialer.ts'
import { createResolve, type Resolve } from './resolve.ts'
import { dialAddress, dialThroughProxy } from './tcp.ts'
import { createTlsUpgrade, type UpgradeToTls } from './tls.ts'

/** The settings that matter upstream. */
export type DialSettings = Pick<
  GatewaySettings,
  'forbidden' | 'hostAddresses' | 'staticHosts' | 'upstreamCas' | 'upstreamProxy'
>

export type DialerDeps = {
  /** Those in force; a new object when they change. */
  settings: () => DialSettings
  resolve?: Resolve
  vet?: (addresses: readonly string[], bounds: { internal: boolean } & Prepared) => Vetted
  /** The gateway's own addresses, loopback aside, which no rule opens anyway. */
  ownAddresses?: () => AddressSet
}

/** What is worked out once per settings. */
type Prepared = { forbidden: AddressSet; hostAddresses: AddressSet; upgrade: UpgradeToTls; proxy: URL | undefined }

/** In place of an address where a corporate proxy resolves. */
const PROXY_ADDRESS = 'proxy'

/** The dialer of the gateway. */
export function createDialer(deps: DialerDeps): Dialer {
  const resolve = deps.resolve ?? createResolve({ staticHosts: () => deps.settings().staticHosts })
  const own = deps.ownAddresses ?? createOwnAddresses()
  const vet = deps.vet ?? vetAddresses
  const prepared = prepareOnce(deps.settings)
  const connectTcp: Dialer['connectTcp'] = async (target, signal) => {
    // An address that stands for itself was vetted as one; no proxy resolves it.
    if (isIP(target.name) !== 0 && target.name === target.address) return dialAddress(target, signal)
    mustBeName(target.name)
    if (target.address !== PROXY_ADDRESS) return dialAddress(target, signal)
    const { proxy } = prepared()
    if (proxy === undefined)
      throw new DialError('upstream-unreachable', `Cannot connect to ${target.name}: the upstream proxy is gone`)
    return dialThroughProxy(target, proxy, signal)
  }
  return {
    resolve: async (name, { internal, literal = false, partition }, signal) => {
      const isAddress = literal && isIP(name) !== 0
      if (!isAddress) mustBeName(name)
      if (!isAddress && !internal && prepared().proxy !== undefined) return [PROXY_ADDRESS]
      const addresses = isAddress ? [name] : await resolve(name, signal, partition)
      const itself = addresses.find((address) => own().has(address))
      if (itself !== undefined)
        throw new DialError('self', `Cannot connect to ${name}: it is the gateway itself`, itself)
      const vetted = vet(addresses, { internal, ...prepared() })
      if (vetted.ok) return addresses
      const message = `Cannot connect to ${name}: it leads to ${vetted.address}, which is not public`
      throw new DialError(vetted.reason, message, vetted.address)
    },
    connectTcp,
    connectTls: async (target, signal) => {
      const socket = await connectTcp(target, signal)
      return prepared().upgrade(socket, target, signal)
    },
  }
}

/** Goes into a proxy's CONNECT line and into SNI: nothing but the name parser's output may. */
function mustBeName(name: string): void {
  if (!isCanonicalName(name)) throw new DialError('upstream-dns', 'Cannot connect: the name is not canonical')
}

function prepareOnce(settings: () => DialSettings): () => Prepared {
  let from: DialSettings | undefined
  let prepared: Prepared | undefined
  return () => {
    const current = settings()
    if (prepared === undefined || from !== current) {
      prepared = {
        forbidden: addressSet(current.forbidden),
        hostAddresses: addressSet(current.hostAddresses),
        upgrade: createTlsUpgrade(current.upstreamCas),
        proxy: current.upstreamProxy === undefined ? undefined : new URL(current.upstreamProxy),
      }
      from = current
    }
    return prepared
  }
}

/** Networks come and go while the gateway runs. */
const OWN_ADDRESSES_MS = 1_000

function createOwnAddresses(): () => AddressSet {
  let set = addressSet([])
  let until = 0
  return () => {
    if (Date.now() >= until) {
      const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
      set = addressSet(all.filter((each) => !each.internal).map((each) => each.address.replace(/%.*/, '')))
      until = Date.now() + OWN_ADDRESSES_MS
    }
    return set
  }
}
