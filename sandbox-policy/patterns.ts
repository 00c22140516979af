import { getPublicSuffix } from 'tldts'
import { parseName } from './names.ts'

/** Which hosts a rule is about: one name, the names below it, or both. */
export type HostPattern = { kind: 'exact' | 'below' | 'both'; name: string }
export type ParsedPattern = { ok: true; pattern: HostPattern } | { ok: false; fault: string }

/** Reads `example.com`, `*.example.com` (names below it) or `**.example.com` (both). A fault is a sentence for people. */
export function parsePattern(text: string): ParsedPattern {
  const [kind, host] = split(text)
  if (host.includes('*')) return refuse(text, 'a wildcard is only "*." or "**." at the beginning')
  const parsed = parseName(host)
  if (!parsed.ok) return refuse(text, WHY[parsed.reason])
  if (kind !== 'exact' && isPublicSuffix(parsed.name)) {
    return refuse(text, `anyone can register names below "${parsed.name}"; name the domains`)
  }
  return { ok: true, pattern: { kind, name: parsed.name } }
}

const WHY = {
  malformed: 'it is no host name (letters, digits, "-", "_" and dots; others in punycode; no scheme, port or path)',
  'ip-literal': 'it is an address; rules name hosts',
  'private-address': 'it is an address; rules name hosts',
} as const

function split(text: string): [HostPattern['kind'], string] {
  if (text.startsWith('**.')) return ['both', text.slice(3)]
  if (text.startsWith('*.')) return ['below', text.slice(2)]
  return ['exact', text]
}

function refuse(text: string, why: string): ParsedPattern {
  return { ok: false, fault: `Cannot use the host ${JSON.stringify(text.slice(0, 100))}: ${why}` }
}

/** Also a name whose every child is a public suffix, as `kawasaki.jp`, and every single label. */
function isPublicSuffix(name: string): boolean {
  // The name is already valid; tldts must neither look for a URL in it nor judge it.
  const options = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false }
  return [name, `x.${name}`].some((each) => getPublicSuffix(each, options) === each)
}
