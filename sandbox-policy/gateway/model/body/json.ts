import { Refusal } from '../refusal.ts'

/** Deeper than any tool schema that is meant seriously; far from what a recursive reader needs its stack for. */
const MAX_DEPTH = 100
/** Values of a body. A value of two bytes costs some fifty in memory, so bytes alone bound nothing. */
const MAX_VALUES = 500_000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c

/** Reads one JSON object in strict UTF-8. Throws Refusal `malformed`, before it builds what would be too deep or too much. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  checkShape(bytes)
  let value: unknown
  try {
    // A BOM is kept, so that JSON.parse refuses it.
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw malformed('it is not JSON in UTF-8')
  }
  if (!isObject(value)) throw malformed('it is not a JSON object')
  return value
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkShape(bytes: Uint8Array): void {
  let depth = 0
  let values = 0
  let inString = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (inString) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      values += 1
      if (depth > MAX_DEPTH) throw malformed(`it is nested deeper than ${MAX_DEPTH} levels`)
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1
    else if (byte === COMMA) values += 1
    if (values > MAX_VALUES) throw malformed(`it holds more than ${MAX_VALUES} values`)
  }
}

function malformed(what: string): Refusal {
  return new Refusal(400, 'malformed', `Drydock cannot read the body of this model request: ${what}.`)
}
