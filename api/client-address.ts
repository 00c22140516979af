import ipaddr from 'ipaddr.js'
import type { Context } from 'hono'

type Address = ipaddr.IPv4 | ipaddr.IPv6
/** Bits of an IPv6 address that one customer of a provider usually has: what varies below is one client. */
const CLIENT_BITS = 64

/** What the adapter of node gives with a request; absent where there is no connection. */
type Connection = { incoming?: { socket?: { remoteAddress?: string | undefined } } }

/**
 * Says where a request came from: the socket's other end, or, where that is a trusted proxy, the last address of
 * X-Forwarded-For that no trusted proxy has. What a client writes there itself is never reached.
 */
export function createAddressOf(trusted: readonly string[]): (c: Context) => string | undefined {
  const ranges = trusted.map(rangeOf)
  const isTrusted = (address: Address) =>
    ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
  return (c) => {
    let current = parse((c.env as Connection | undefined)?.incoming?.socket?.remoteAddress)
    // Nothing of the header is read where its writer is not believed.
    let hops: string[] | undefined
    while (current !== undefined && isTrusted(current)) {
      hops ??= (c.req.header('x-forwarded-for') ?? '').split(',')
      const before = parse(hops.pop()?.trim())
      if (before === undefined) break
      current = before
    }
    return current?.toString()
  }
}

/** What counts as one client: the address, or the network that an IPv6 address is in. */
export function clientOf(address: string): string {
  const parsed = ipaddr.parse(address)
  if (parsed.kind() === 'ipv4') return address
  return ipaddr.IPv6.networkAddressFromCIDR(`${address}/${CLIENT_BITS}`).toString()
}

function rangeOf(text: string): [Address, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

/** IPv4 that comes as IPv6 is IPv4; by which interface somebody is near does not matter. */
function parse(text: string | undefined): Address | undefined {
  const [address = ''] = (text ?? '').split('%')
  return ipaddr.isValid(address) ? ipaddr.process(address) : undefined
}
