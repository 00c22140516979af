import type { Field } from './field.ts'

const TOKEN = new Uint8Array(128)
for (const each of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[each.charCodeAt(0)] = 1
}

/** Says whether text is an HTTP token: a method, a field name. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 127 || TOKEN[code] !== 1) return false
  }
  return true
}

/**
 * Parses field lines of a scanned head, from `at` up to the blank line. Undefined: a line is no field. A folded line and
 * blanks before the colon fall under that, since neither makes a token.
 */
export function parseFields(head: string, at: number): Field[] | undefined {
  const fields: Field[] = []
  for (;;) {
    const end = head.indexOf('\r\n', at)
    if (end === at) return fields
    if (end < 0) return undefined
    const colon = head.indexOf(':', at)
    if (colon < 0 || colon > end) return undefined
    const name = head.slice(at, colon)
    if (!isToken(name)) return undefined
    fields.push({ key: name.toLowerCase(), name, value: trimmed(head, colon + 1, end) })
    at = end + 2
  }
}

function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** The elements of a comma-separated field, lower-case, over all its occurrences. */
export function listOf(fields: readonly Field[], key: string): string[] {
  const list: string[] = []
  for (const field of fields) {
    if (field.key !== key) continue
    for (const part of field.value.split(',')) {
      const word = part.trim().toLowerCase()
      if (word !== '') list.push(word)
    }
  }
  return list
}

/** How the length of a body is told. */
export type Framing = { kind: 'none' } | { kind: 'length'; length: number } | { kind: 'chunked' } | { kind: 'close' }

const NONE: Framing = { kind: 'none' }
const CHUNKED: Framing = { kind: 'chunked' }

/**
 * What a head says about its body; `none` where it says nothing. Undefined: it says it twice, in two ways, or in a way that
 * two parsers could read differently.
 */
export function declaredFraming(fields: readonly Field[], minor: 0 | 1): Framing | undefined {
  let length: string | undefined
  let encoding: string | undefined
  for (const field of fields) {
    if (field.key === 'content-length') {
      if (length !== undefined || !/^[0-9]{1,15}$/.test(field.value)) return undefined
      length = field.value
    } else if (field.key === 'transfer-encoding') {
      if (encoding !== undefined || minor === 0 || field.value.toLowerCase() !== 'chunked') return undefined
      encoding = field.value
    }
  }
  if (encoding !== undefined) return length === undefined ? CHUNKED : undefined
  return length === undefined ? NONE : { kind: 'length', length: Number(length) }
}

/** Fields that end at this hop. */
const HOP = new Set(['connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'http2-settings'])
/** Fields that this hop sets anew. */
const FRAMING = new Set(['host', 'content-length', 'transfer-encoding', 'expect'])
/** What `Connection` cannot take away: the meaning of the message would change. */
const PROTECTED =
  /^(?:host|authorization|cookie|set-cookie|content-.*|transfer-encoding|expect|range|if-.*|location|date|origin|sec-.*|www-authenticate)$/

/** The fields of a request that go on: nothing of this hop's, nothing that speaks for a proxy. */
export function requestFieldsToForward(fields: readonly Field[], listed: readonly string[]): Field[] {
  return fields.filter(
    ({ key }) =>
      !HOP.has(key) &&
      !FRAMING.has(key) &&
      !key.startsWith('proxy-') &&
      !key.startsWith('x-forwarded-') &&
      key !== 'forwarded' &&
      key !== 'via' &&
      !isListed(key, listed),
  )
}

/** The fields of an answer that go on. `alt-svc` would lead to QUIC; `x-drydock-denied` is the gateway's own word. */
export function responseFieldsToForward(fields: readonly Field[], listed: readonly string[]): Field[] {
  return fields.filter(
    ({ key }) =>
      !HOP.has(key) &&
      !FRAMING.has(key) &&
      !key.startsWith('proxy-') &&
      key !== 'alt-svc' &&
      key !== 'x-drydock-denied' &&
      !isListed(key, listed),
  )
}

function isListed(key: string, listed: readonly string[]): boolean {
  return listed.length > 0 && listed.includes(key) && !PROTECTED.test(key)
}
