/** Text as a decoder would read it; `at` says where in the original each of its characters begins, or it ends. */
export type View = { text: string; at: (index: number) => number }

// A JSON text within a JSON text is what calls of tools are made of.
const JSON_LEVELS = 2
const PERCENT = /%[0-9A-Fa-f]{2}/g
const JSON_ESCAPE = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])/g
const SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** A line, a byte a character, and what it says where it holds escapes of URLs or of JSON. */
export function viewsOf(bytes: string): View[] {
  const views: View[] = [{ text: bytes, at: (index) => index }]
  const [plain] = views as [View]
  if (bytes.includes('%')) views.push(decoded(plain, PERCENT, fromPercent))
  let last = plain
  for (let level = 0; level < JSON_LEVELS && last.text.includes('\\'); level += 1) {
    last = decoded(last, JSON_ESCAPE, fromJson)
    views.push(last)
  }
  return views
}

/** Text as its UTF-8 bytes, a byte a character: what is escaped is bytes. */
export function toBytes(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1')
}

export const fromBytes = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8')

function decoded({ text, at }: View, escapes: RegExp, valueOf: (escape: string) => string): View {
  const starts = new Uint32Array(text.length + 1)
  const parts: string[] = []
  let length = 0
  const add = (part: string, startOf: (index: number) => number) => {
    parts.push(part)
    for (let i = 0; i < part.length; i += 1) starts[length++] = startOf(i)
  }
  let from = 0
  for (const { 0: escape, index } of text.matchAll(escapes)) {
    const begin = from
    add(text.slice(begin, index), (i) => begin + i)
    add(valueOf(escape), () => index)
    from = index + escape.length
  }
  add(text.slice(from), (i) => from + i)
  starts[length] = text.length
  return { text: parts.join(''), at: (index) => at(starts[index] ?? text.length) }
}

const fromPercent = (escape: string) => String.fromCharCode(Number.parseInt(escape.slice(1), 16))

function fromJson(escape: string): string {
  const kind = escape[1] ?? ''
  if (kind !== 'u') return SHORT[kind] ?? kind
  const units = escape.slice(2).split('\\u')
  return toBytes(units.map((unit) => String.fromCharCode(Number.parseInt(unit, 16))).join(''))
}
