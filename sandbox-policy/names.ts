import { classifyAddress } from './addresses.ts'

/** Why something is no name: it is unreadable, or it is an address (`private-address`: an IPv6 literal that is not public). */
export type NameFault = 'malformed' | 'ip-literal' | 'private-address'
export type ParsedName = { ok: true; name: string } | { ok: false; reason: NameFault }
export type ParsedAuthority = { ok: true; name: string; port: number } | { ok: false; reason: NameFault }

const MAX_NAME = 253
/** Longer input is not looked at; the longest literal or authority fits easily. */
const MAX_INPUT = 512

// A label begins and ends with a letter, digit or `_`. Certificates are issued for no other (CA/B Forum, RFC 1123), and a
// name that begins with `-` reads as an option to the tools that later handle the ledger.
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const CANONICAL = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
/** Only these may be folded to lower case: `toLowerCase` turns some characters outside ASCII into ASCII ones. */
const ASCII_NAME = /^[A-Za-z0-9_.-]+$/
/** inet_aton and URL parsers read a name whose last label is a number, also a hexadecimal one, as an IPv4 address. */
const LAST_LABEL_IS_NUMBER = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]{2,45}$/

/**
 * The one parser of host names: ASCII letters, digits, `-` and `_`; one trailing dot goes; lower case. The result is what
 * policy, resolver, SNI, certificate and ledger use. Everything else is refused, never repaired. Never throws.
 */
export function parseName(input: string | Uint8Array): ParsedName {
  const text = textOf(input)
  if (text === undefined) return MALFORMED
  if (text.includes(':')) return { ok: false, reason: literalFault(unbracketed(text)) }
  if (!ASCII_NAME.test(text)) return MALFORMED
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase()
  if (name.length > MAX_NAME || !CANONICAL.test(name)) return MALFORMED
  return LAST_LABEL_IS_NUMBER.test(name) ? { ok: false, reason: 'ip-literal' } : { ok: true, name }
}

/**
 * Reads `host:port`: of CONNECT, of a Host header, or of a URL. The port is 1 to 65535 in plain decimal digits. Without
 * `defaultPort` it must be there.
 */
export function parseAuthority(input: string | Uint8Array, defaultPort?: number): ParsedAuthority {
  const text = textOf(input)
  if (text === undefined) return MALFORMED
  const colon = text.startsWith('[') ? text.indexOf(':', text.indexOf(']') + 1 || text.length) : text.indexOf(':')
  const host = colon === -1 ? text : text.slice(0, colon)
  const port = colon === -1 ? defaultPort : parsePort(text.slice(colon + 1))
  if (port === undefined) return MALFORMED
  const parsed = parseName(host)
  return parsed.ok ? { ok: true, name: parsed.name, port } : parsed
}

/** Reads a port in plain decimal digits, without sign, spaces or leading zeros. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65535 ? port : undefined
}

/** Says whether a name is exactly as `parseName` gives it. */
export function isCanonicalName(name: string): boolean {
  return name.length <= MAX_NAME && CANONICAL.test(name) && !LAST_LABEL_IS_NUMBER.test(name)
}

const MALFORMED = { ok: false, reason: 'malformed' } as const

/** One character for each byte; undefined when it cannot be a name of any kind. */
function textOf(input: string | Uint8Array): string | undefined {
  if (input.length === 0 || input.length > MAX_INPUT) return undefined
  if (typeof input === 'string') return input
  let text = ''
  for (const byte of input) text += String.fromCharCode(byte)
  return text
}

function unbracketed(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
}

function literalFault(text: string): NameFault {
  if (!IPV6_CHARACTERS.test(text)) return 'malformed'
  const kind = classifyAddress(text)
  if (kind === undefined) return 'malformed'
  return kind === 'public' ? 'ip-literal' : 'private-address'
}
