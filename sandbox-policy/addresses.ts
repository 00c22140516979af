import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { IPv4, IPv6 } from 'ipaddr.js'

/**
 * What an address is good for. `public`: any rule. `site`: private, shared, unique-local and documentation ranges, for
 * `internal` rules. `reserved`: nothing, unless it is the host's own and the rule is `internal`. `never`: nothing.
 */
export type AddressKind = 'public' | 'site' | 'reserved' | 'never'

/** Addresses and prefixes, compiled. Holds an IPv4 address also in its IPv6 disguises. */
export interface AddressSet {
  has(address: string): boolean
}

export type AddressBounds = {
  /** The rule says `internal`. */
  internal: boolean
  /** What no rule opens. */
  forbidden: AddressSet
  /** The host's own: for `internal` rules only, also the public ones. */
  hostAddresses: AddressSet
}

export type Vetted = { ok: true } | { ok: false; reason: 'private-address'; address: string }

type Prefix = readonly [IPv4 | IPv6, number]

// In each list the first match counts. Whatever is in none: public for IPv4; for IPv6 only within 2000::/3.
const IPV4 = kinds([
  ['never', '0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  // Metadata and wire servers of clouds: Alibaba, Azure, Oracle.
  ['never', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  ['site', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ['site', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
  ['reserved', '192.0.0.0/24', '198.18.0.0/15', '240.0.0.0/4'],
  // Relays and sinks: 6to4, AMT, AS112.
  ['reserved', '192.88.99.0/24', '192.52.193.0/24', '192.31.196.0/24', '192.175.48.0/24'],
])
const IPV6 = kinds([
  // Metadata servers inside unique-local space: AWS, Google, Oracle, Scaleway.
  ['never', 'fd00:ec2::254/128', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fd00:42::42/128'],
  ['site', 'fc00::/7', '2001:db8::/32', '3fff::/20'],
  // Wrap an IPv4 address that the dial would reach past every check: IPv4-compatible (also :: and ::1), local-use NAT64,
  // 6to4. Teredo lies in 2001::/23.
  ['never', '::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  ['reserved', '2001::/23', '2620:4f:8000::/48', '3ffe::/16'],
  ['public', '2000::/3'],
  ['reserved', '::/0'],
])
const NAT64: Prefix = [ipaddr.IPv6.parse('64:ff9b::'), 96]

/** Compiles addresses and prefixes in canonical spelling. Throws RangeError on anything else. */
export function addressSet(entries: Iterable<string>): AddressSet {
  const prefixes = [...entries].map(parsePrefix)
  return { has: (text) => spellings(text).some((address) => prefixes.some((prefix) => within(address, prefix))) }
}

/** What an address in canonical spelling is; undefined when it is none. */
export function classifyAddress(text: string): AddressKind | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  if (address.kind() === 'ipv4') return kindIn(IPV4, address) ?? 'public'
  if (!within(address, NAT64)) return kindIn(IPV6, address) ?? 'never'
  // A translator may hand on what is public, and nothing else: it is no way into the site.
  return kindIn(IPV4, lastFourBytes(address as IPv6)) === undefined ? 'public' : 'never'
}

/**
 * Vets a resolver's whole answer: one address that may not be reached refuses all, as does an answer without any. What
 * `internal` admits and never admits is R14.
 */
export function vetAddresses(addresses: readonly string[], bounds: AddressBounds): Vetted {
  if (addresses.length === 0) return { ok: false, reason: 'private-address', address: '' }
  const refused = addresses.find((address) => !mayDial(address, bounds))
  return refused === undefined ? { ok: true } : { ok: false, reason: 'private-address', address: refused }
}

function mayDial(address: string, { internal, forbidden, hostAddresses }: AddressBounds): boolean {
  const kind = classifyAddress(address)
  if (kind === undefined || kind === 'never' || forbidden.has(address)) return false
  if (hostAddresses.has(address)) return internal
  return kind === 'public' || (kind === 'site' && internal)
}

/**
 * ipaddr.js alone also reads `010.0.0.1`, `127.1` and zones, and takes `::8.8.8.8` for a mapped address: it is given only
 * what node:net reads, with hexadecimal groups throughout.
 */
function parseAddress(text: string): IPv4 | IPv6 | undefined {
  if (isIPv4(text)) return ipaddr.IPv4.parse(text)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const address = ipaddr.IPv6.parse(text.replace(/[0-9.]+\.[0-9]+$/, hexGroups))
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function hexGroups(quad: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = quad.split('.').map(Number)
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** An address, and for NAT64 the one that it stands for, too. */
function spellings(text: string): (IPv4 | IPv6)[] {
  const address = parseAddress(text)
  if (address === undefined) return []
  return within(address, NAT64) ? [address, lastFourBytes(address as IPv6)] : [address]
}

function lastFourBytes(address: IPv6): IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}

function parsePrefix(text: string): Prefix {
  const [address = '', bits, ...rest] = text.split('/')
  const parsed = rest.length === 0 ? parseAddress(address) : undefined
  const size = parsed?.kind() === 'ipv4' ? 32 : 128
  const length = bits === undefined ? size : /^(0|[1-9][0-9]{0,2})$/.test(bits) ? Number(bits) : NaN
  // A mapped IPv4 address has no prefix length that would mean the same in both families.
  const isMapped = size === 32 && address.includes(':') && bits !== undefined
  if (parsed === undefined || isMapped || !(length <= size)) {
    throw new RangeError(`Cannot read ${JSON.stringify(text)}: it is neither an address nor a prefix`)
  }
  return [parsed, length]
}

function within(address: IPv4 | IPv6, [network, length]: Prefix): boolean {
  return address.kind() === network.kind() && address.match(network, length)
}

function kinds(rows: readonly (readonly [AddressKind, ...string[]])[]): readonly (readonly [AddressKind, Prefix])[] {
  return rows.flatMap(([kind, ...prefixes]) => prefixes.map((prefix) => [kind, parsePrefix(prefix)] as const))
}

function kindIn(table: ReturnType<typeof kinds>, address: IPv4 | IPv6): AddressKind | undefined {
  return table.find(([, prefix]) => within(address, prefix))?.[0]
}
