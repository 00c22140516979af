import { Base64Index, occurrences } from './base64-index.ts'
import type { Range } from './base64-index.ts'
import { fromBytes, toBytes, viewsOf } from './views.ts'
import type { View } from './views.ts'

/** Shorter text cannot be told from what is said anyway. */
export const LEAST_SECRET = 6
/** Of a value whose end was cut away, so much gives nothing away. */
const LEAST_BEGINNING = 4
const MASKED = '***'
/** How lines and texts say that they were cut. */
const CUT = / …(?: \[\d+ more bytes\])?$/
/** The end of a line that a break in base64 may go through. */
const CARRIED = /[A-Za-z0-9+/_-]*$/
const MAX_CARRIED = 64

/** Replaces secrets in what people see by `***`: as they are, in base64, hexadecimal, and escaped for URLs or JSON. */
export type Mask = {
  /** A text of one or many lines. `isCut`: its end was cut away. */
  text: (text: string, options?: { isCut?: boolean }) => string
  /** For one line after the other of a stream. A value of many lines is masked line by line; nothing is held back. */
  lines: () => (line: string) => string
  /** Every text within a value of JSON. */
  deep: (value: unknown) => unknown
}

/** Hides nothing. */
export const NO_MASK: Mask = { text: (text) => text, lines: () => (line) => line, deep: (value) => value }

export function createMask(values: readonly string[]): Mask {
  const known = [...new Set(values.map((value) => value.trim()))].filter((value) => value.length >= LEAST_SECRET)
  if (known.length === 0) return NO_MASK
  const finder = { forms: formsOf(known), base64: new Base64Index(known) }

  const lines = () => {
    let carried = ''
    return (line: string, isCut = false) => {
      const bytes = toBytes(line)
      const masked = replace(bytes, rangesIn(finder, { bytes, carried, isCut: isCut || CUT.test(line) }))
      carried = CARRIED.exec((carried + bytes).slice(-MAX_CARRIED))?.[0] ?? ''
      return masked === bytes ? line : fromBytes(masked)
    }
  }
  const text = (whole: string, { isCut = false } = {}) => {
    const next = lines()
    const parts = whole.split('\n')
    return parts.map((part, i) => next(part, isCut && i === parts.length - 1)).join('\n')
  }
  const deep = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value)
    if (Array.isArray(value)) return value.map(deep)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deep(each)]))
  }
  return { text, lines, deep }
}

type Finder = { forms: readonly string[]; base64: Base64Index }
type Line = { bytes: string; carried: string; isCut: boolean }

/** As bytes: whole, and line by line; in a query, a space is a plus. */
function formsOf(values: readonly string[]): string[] {
  const parts = values.flatMap((value) => [value, ...value.split(/\r?\n/).map((line) => line.trim())])
  const long = parts.filter((part) => part.length >= LEAST_SECRET).map(toBytes)
  const hex = long.map((part) => Buffer.from(part, 'latin1').toString('hex'))
  return [...new Set([...long.flatMap((part) => [part, part.replaceAll(' ', '+')]), ...hex, ...hex.map(upper)])]
}

const upper = (text: string) => text.toUpperCase()

function rangesIn({ forms, base64 }: Finder, { bytes, carried, isCut }: Line): Range[] {
  const body = isCut ? bytes.replace(CUT_BYTES, '') : bytes
  const inViews = viewsOf(body).flatMap((view) => {
    const found = forms.flatMap((form) => occurrences(view.text, form))
    if (isCut) found.push(...forms.flatMap((form) => beginning(view.text, form)))
    return found.map((range) => inOriginal(view, range))
  })
  const inBase64 = base64
    .find(carried + bytes)
    .map(([start, end]): Range => [Math.max(0, start - carried.length), end - carried.length])
  return [...inViews, ...inBase64].filter(([start, end]) => start < end)
}

const CUT_BYTES = new RegExp(toBytes(CUT.source))

const inOriginal = ({ at }: View, [start, end]: Range): Range => [at(start), at(end)]

/** The end of a text, where a form begins that was cut. */
function beginning(text: string, form: string): Range[] {
  const first = form.slice(0, LEAST_BEGINNING)
  const from = Math.max(0, text.length - form.length)
  const [start] = occurrences(text.slice(from), first).find(([at]) => form.startsWith(text.slice(from + at))) ?? []
  return start === undefined ? [] : [[from + start, text.length]]
}

/** Puts one mask in place of ranges that touch each other. */
function replace(bytes: string, ranges: Range[]): string {
  if (ranges.length === 0) return bytes
  let [out, from] = ['', 0]
  let open: Range | undefined
  const close = () => {
    if (open === undefined) return
    out += bytes.slice(from, open[0]) + MASKED
    from = open[1]
  }
  for (const [start, end] of ranges.sort((a, b) => a[0] - b[0])) {
    if (open !== undefined && start <= open[1]) open[1] = Math.max(open[1], end)
    else {
      close()
      open = [start, end]
    }
  }
  close()
  return out + bytes.slice(from)
}
