import ipaddr from 'ipaddr.js'

// Addresses that belong to a cloud's own machinery although their range is public.
const METADATA = new Set(['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254'])

/** Says whether an address is on the public internet; addresses that carry an IPv4 address inside are judged by it, too. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text) || METADATA.has(text)) return false
  const address = ipaddr.parse(text)
  if (address.kind() === 'ipv4') return address.range() === 'unicast'
  const inner = embedded(address as ipaddr.IPv6)
  if (inner !== undefined) return isPublicAddress(inner)
  // Only 2000::/3 is handed out; everything else unknown is not public.
  return address.range() === 'unicast' && ((address as ipaddr.IPv6).parts[0] ?? 0) >> 13 === 1
}

/** The IPv4 address inside a mapped, NAT64, 6to4 or Teredo address. */
function embedded(address: ipaddr.IPv6): string | undefined {
  const bytes = address.toByteArray()
  const at = (start: number, mask = 0) =>
    bytes
      .slice(start, start + 4)
      .map((byte) => byte ^ mask)
      .join('.')
  const range = address.range()
  if (range === 'ipv4Mapped' || range === 'rfc6145' || range === 'rfc6052') return at(12)
  if (range === '6to4') return at(2)
  if (range === 'teredo') return at(12, 0xff)
  // IPv4-compatible addresses (::a.b.c.d) are obsolete, and still dialled by some stacks.
  return bytes.slice(0, 12).every((byte) => byte === 0) ? at(12) : undefined
}
