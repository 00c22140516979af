/** What RFC 9112 lets stand in an origin-form path, less what is never sent: controls, space, `#`. */
const READABLE = /^\/[!-"$-~\x80-\xff]*$/
/** Where servers cut, strip parameters or put `/`, and what has a second spelling as %XX: RFC 3986 wants it encoded. */
const AMBIGUOUS_CHARACTER = /[^!-~]|[\\;?#"<>[\]^`{|}]/
/** An empty segment that is not the last, and segments that end in a dot: `.`, `..`, and what Windows reads without it. */
const AMBIGUOUS_SEGMENT = /\/\/|\.(?:\/|$)/
const TRIPLET = /%[0-9A-Fa-f]{2}/g
/** Encoded: controls, whatever may stand in a path as it is, and what means something to a server that decodes twice. */
const ENCODED_ANEW = /[^ "<>[\]^`{|}\x80-\u{10ffff}]/u

/** Says whether a request may have this path at all: `/…`, or `*` for OPTIONS. */
export function isReadablePath(path: string, method: string): boolean {
  return READABLE.test(path) || (path === '*' && method === 'OPTIONS')
}

/** Says whether a common server could read a path as another one than it spells. */
export function isAmbiguousPath(path: string): boolean {
  if (AMBIGUOUS_CHARACTER.test(path) || AMBIGUOUS_SEGMENT.test(path)) return true
  return path.includes('%') && isAmbiguouslyEncoded(path)
}

/** Says whether a path is the prefix or goes on below it. A prefix ends at `/` or at the end of a segment. */
export function isBelow(path: string, prefix: string): boolean {
  const asked = upperTriplets(path)
  if (!asked.startsWith(prefix)) return false
  return prefix.endsWith('/') || asked.length === prefix.length || asked[prefix.length] === '/'
}

/** A prefix as `isBelow` takes it. */
export const upperTriplets = (path: string) =>
  path.includes('%') ? path.replace(TRIPLET, (triplet) => triplet.toUpperCase()) : path

function isAmbiguouslyEncoded(path: string): boolean {
  if (path.replace(TRIPLET, '').includes('%')) return true
  let decoded: string
  try {
    // Refuses what is not UTF-8, overlong forms of ASCII among it.
    decoded = decodeURIComponent(path)
  } catch {
    return true
  }
  // Full-width and other compatibility forms: some servers fold them to ASCII.
  if (decoded.normalize('NFKC') !== decoded || / (?:\/|$)/.test(decoded)) return true
  return (path.match(TRIPLET) ?? []).some((triplet) => ENCODED_ANEW.test(String.fromCharCode(hexOf(triplet))))
}

const hexOf = (triplet: string) => Number.parseInt(triplet.slice(1), 16)
