import { randomInt } from 'node:crypto'
import { DrydockError } from '../../domain/errors.ts'

/** One sandbox's addresses: a /29 has six usable ones, the first of which the engine keeps for the bridge. */
export type Subnet = { cidr: string; bridge: string; sandboxes: readonly string[]; gateway: string }

const SUBNET_SIZE = 8
const SHORTEST_PREFIX = 8
const LONGEST_PREFIX = 27

/** An IPv4 range as numbers, both ends included. */
export type Range = { first: number; last: number }

/** All /29 of a range, once each, from a random one on: several installations seldom want the same. */
export function* subnetsOf(cidr: string, avoid: readonly Range[]): Generator<Subnet> {
  const { first, last } = readRange(cidr)
  const count = (last - first + 1) / SUBNET_SIZE
  const start = randomInt(count)
  for (let i = 0; i < count; i++) {
    const base = first + ((start + i) % count) * SUBNET_SIZE
    if (!avoid.some((other) => other.first < base + SUBNET_SIZE && other.last >= base)) yield subnetAt(base)
  }
}

/** The addresses of a /29 in CIDR; undefined for anything else. */
export function subnetOf(cidr: string): Subnet | undefined {
  const range = parseRange(cidr)
  if (range === undefined || range.last - range.first + 1 !== SUBNET_SIZE) return undefined
  return subnetAt(range.first)
}

/** An IPv4 CIDR or address as a range; undefined for anything else. */
export function parseRange(cidr: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(cidr)
  const parts = match?.slice(1, 5).map(Number) ?? []
  const prefix = Number(match?.[5] ?? 32)
  if (match === null || prefix > 32 || parts.some((part) => part > 255)) return undefined
  const address = parts.reduce((sum, part) => sum * 256 + part, 0)
  const size = 2 ** (32 - prefix)
  const first = address - (address % size)
  return { first, last: first + size - 1 }
}

export function contains({ first, last }: Range, address: string): boolean {
  const one = parseRange(address)
  return one !== undefined && one.first >= first && one.last <= last
}

/** The configured range of sandboxes. Rejects what is no range for many /29. */
export function readRange(cidr: string): Range {
  const range = parseRange(cidr)
  const prefix = Number(cidr.split('/')[1] ?? 32)
  if (range !== undefined && prefix >= SHORTEST_PREFIX && prefix <= LONGEST_PREFIX) return range
  throw new DrydockError(
    'config-invalid',
    `Cannot use "${cidr}" for sandbox networks: it is not an IPv4 range such as 10.213.0.0/16, of /${SHORTEST_PREFIX} to /${LONGEST_PREFIX}`,
  )
}

function subnetAt(base: number): Subnet {
  const address = (offset: number) => addressOf(base + offset)
  return {
    cidr: `${address(0)}/29`,
    bridge: address(1),
    sandboxes: [2, 3, 4, 5].map(address),
    gateway: address(6),
  }
}

const addressOf = (value: number) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
