import { cutTo } from './cut.ts'

/** An object of an agent's output: read by own keys only, everything in it may be of any type. */
export type Said = Readonly<Record<string, unknown>>

const KiB = 1024

/** Caps of R6 on one event. What is longer is in the agent's session, not in the log. */
export const SAID = {
  textBytes: 256 * KiB,
  outputBytes: 64 * KiB,
  commandBytes: 16 * KiB,
  inputBytes: 4 * KiB,
  lineBytes: 16 * KiB,
  noticeBytes: 4 * KiB,
  pathBytes: KiB,
  nameBytes: 200,
  todoBytes: 500,
  entries: 100,
} as const

/** The object of a line; undefined for whatever else it is. */
export function readObject(line: string): Said | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return asObject(JSON.parse(line))
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): Said | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Said) : undefined
}

export function objectAt(said: Said | undefined, key: string): Said | undefined {
  return asObject(at(said, key))
}

/** The objects of a list, at most so many as are shown. */
export function objectsAt(said: Said | undefined, key: string): Said[] {
  const value = at(said, key)
  if (!Array.isArray(value)) return []
  return value
    .slice(0, SAID.entries)
    .map(asObject)
    .filter((each) => each !== undefined)
}

/** A text, cut; empty when there is none. */
export function textAt(said: Said | undefined, key: string, maxBytes: number = SAID.textBytes): string {
  const value = at(said, key)
  return typeof value === 'string' ? cutTo(value, maxBytes) : ''
}

/** A count of something; 0 when there is none. */
export function countAt(said: Said | undefined, key: string): number {
  const value = at(said, key)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
}

export function exitCodeAt(said: Said | undefined, key: string): number | null {
  const value = at(said, key)
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : null
}

/** An id of the agent's own making, shown and compared, never used otherwise. */
export function idAt(said: Said | undefined, key: string): string {
  const value = at(said, key)
  return typeof value === 'string' && /^[\w.:-]{1,100}$/.test(value) ? value : 'unknown'
}

/** Whatever it is, as text. */
export function jsonAt(said: Said | undefined, key: string, maxBytes: number = SAID.inputBytes): string {
  const value = at(said, key)
  return value === undefined || value === null ? '' : cutTo(JSON.stringify(value), maxBytes)
}

/** What an error says: providers wrap it in JSON, which agents pass on as it is. */
export function errorText(text: string): string {
  const error = at(readObject(text), 'error')
  const inner = textAt(asObject(error), 'message', SAID.noticeBytes)
  return inner || cutTo(text, SAID.noticeBytes)
}

export function at(said: Said | undefined, key: string): unknown {
  return said !== undefined && Object.hasOwn(said, key) ? said[key] : undefined
}
