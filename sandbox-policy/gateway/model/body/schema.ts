import { feature, type Check } from './check.ts'

const REFERENCES: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef'])
const outward = feature('url-input')

/** A JSON schema. A reference that leads out of it is for the reader to fetch, which some servers do. */
export const schema: Check = (value, at, context) => (leadsOut(value) ? outward(value, at, context) : value)

function leadsOut(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]: [string, unknown]) =>
    REFERENCES.has(key) && typeof inner === 'string' ? !inner.startsWith('#') : leadsOut(inner),
  )
}
