import { parse } from 'smol-toml'

/** A value out of a file that anybody may have written. */
export type Loose = Readonly<Record<string, unknown>>
export type Parsed = { ok: true; value: Loose } | { ok: false; error: string }

const MAX_STRINGS = 300
/** Taking comments out looks at some places more than once. */
const MAX_COMMENTED = 16 * 1024

/** Reads JSON, also with comments and trailing commas as in `devcontainer.json`. Never throws. */
export function parseJson(text: string): Parsed {
  return attempt(() => {
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      if (text.length > MAX_COMMENTED) throw error
      return JSON.parse(withoutComments(text)) as unknown
    }
  })
}

/** Reads TOML. Never throws. */
export function parseToml(text: string): Parsed {
  return attempt(() => parse(text, { maxDepth: 50 }))
}

/** A table inside a table; an empty one where there is something else, or nothing. */
export function table(value: unknown, ...path: string[]): Loose {
  let at = value
  for (const name of path) at = isTable(at) && Object.hasOwn(at, name) ? at[name] : undefined
  return isTable(at) ? at : {}
}

export function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The strings of a list; nothing else of it counts. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string').slice(0, MAX_STRINGS) : []
}

function isTable(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function attempt(read: () => unknown): Parsed {
  try {
    const value = read()
    return isTable(value) ? { ok: true, value } : { ok: false, error: 'it is not a table' }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { ok: false, error: (message.split('\n')[0] ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 120) }
  }
}

/** Comments and commas that JSON does not have; what stands in strings stays. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[^*]*(?:\*(?!\/)[^*]*)*\*\/|,(?=\s*[}\]])/g,
    (_, kept?: string) => kept ?? '',
  )
}
