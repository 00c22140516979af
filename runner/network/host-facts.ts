import { readFile } from 'node:fs/promises'
import { LABELS, type Engine } from '../sandbox/engine.ts'
import { contains, parseRange, type Range } from './subnets.ts'

/** What the kernel of the engine's host says about its addresses and routes. */
const FILES = ['/proc/net/fib_trie', '/proc/net/if_inet6', '/proc/net/route'] as const

export type HostNetwork = {
  /** All addresses of the host, loopback left out. */
  addresses: readonly string[]
  /** IPv4 ranges that the host has routes to, the default route left out. */
  routes: readonly Range[]
  /** Whether this process shares the host's network. */
  isOurs: boolean
}

export type HostFactsDeps = {
  engine: Pick<Engine, 'listNetworks' | 'runOnce'>
  installation: string
  /** Any image with `cat`, for where this process runs in a container. */
  image: (signal: AbortSignal) => Promise<string>
}

/** Reads the addresses of the engine's host: here, or where this is not the host's network, by a container that is in it. */
export async function readHostNetwork(
  { engine, installation, image }: HostFactsDeps,
  signal: AbortSignal,
): Promise<HostNetwork> {
  const here = parseHostFiles(await Promise.all(FILES.map((file) => readFile(file, 'utf8').catch(() => ''))))
  const bridges = (await engine.listNetworks()).flatMap((network) => network.bridges)
  if (bridges.some((address) => here.addresses.includes(address))) return { ...here, isOurs: true }
  const { stdout } = await engine.runOnce(
    {
      image: await image(signal),
      labels: { [LABELS.installation]: installation, [LABELS.kind]: 'service' },
      command: ['sh', '-c', `for f in ${FILES.join(' ')}; do cat $f 2>/dev/null; echo ${SEPARATOR}; done`],
      network: 'host',
    },
    signal,
  )
  return { ...parseHostFiles(stdout.split(`${SEPARATOR}\n`)), isOurs: false }
}

const SEPARATOR = '-- end of file --'

/** Takes `fib_trie`, `if_inet6` and `route` of /proc/net apart. */
export function parseHostFiles([trie = '', inet6 = '', route = '']: readonly string[]): Omit<HostNetwork, 'isOurs'> {
  const v4 = [...trie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map((match) => match[1] ?? '')
  const v6 = inet6.split('\n').flatMap((line) => colons(line.split(' ')[0] ?? ''))
  const loopback = parseRange('127.0.0.0/8')
  const isOuter = (address: string) => loopback === undefined || !contains(loopback, address)
  return {
    addresses: [...new Set([...v4.filter(isOuter), ...v6.filter((address) => address !== LOOPBACK6)])],
    routes: route.split('\n').slice(1).flatMap(routeOf),
  }
}

const LOOPBACK6 = '0000:0000:0000:0000:0000:0000:0000:0001'

const colons = (hex: string) => (/^[0-9a-f]{32}$/.test(hex) ? [hex.replace(/(.{4})(?=.)/g, '$1:')] : [])

/** A line has the interface, then destination, gateway, five numbers and the mask, addresses as little-endian hex. */
function routeOf(line: string): Range[] {
  const fields = line.split(/\s+/)
  const [destination, mask] = [fields[1], fields[7]].map((hex) => littleEndian(hex ?? ''))
  if (destination === undefined || mask === undefined || mask === 0) return []
  return [{ first: destination, last: destination + (2 ** 32 - 1 - mask) }]
}

function littleEndian(hex: string): number | undefined {
  return /^[0-9A-F]{8}$/i.test(hex) ? Buffer.from(hex, 'hex').readUInt32LE() : undefined
}
