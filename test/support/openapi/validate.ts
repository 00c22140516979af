import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import type { ValidateFunction } from 'ajv'

type Schema = { [key: string]: unknown }
type Vendored = { operations: Record<string, Record<string, Schema>>; definitions: Record<string, Schema> }

const { operations, definitions } = JSON.parse(
  readFileSync(new URL('github.json', import.meta.url), 'utf8'),
) as Vendored
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
const compiled = new Map<string, ValidateFunction>()

/** What GitHub's published description has against an answer; empty when nothing. An unknown answer is a fault, too. */
export function faultsOf(operation: string, status: number, body: unknown): string[] {
  const schema = operations[operation]?.[String(status)]
  if (schema === undefined) return [`${operation} has no answer ${status}`]
  const key = `${operation} ${status}`
  const validate = compiled.get(key) ?? ajv.compile({ ...schema, definitions })
  compiled.set(key, validate)
  if (validate(body)) return []
  return (validate.errors ?? []).map((error) => `${key}: ${error.instancePath} ${error.message}`)
}

/** The least value that a schema of GitHub's accepts, with all that it requires; the fake fills in what it means. */
export function sampleOf(name: string): Record<string, unknown> {
  return sample({ $ref: `#/definitions/${name}` }) as Record<string, unknown>
}

function sample(schema: Schema): unknown {
  if (typeof schema.$ref === 'string') return sample(definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  const [choice] = (schema.oneOf ?? schema.anyOf ?? []) as Schema[]
  if (choice !== undefined) return sample(choice)
  if (Array.isArray(schema.allOf)) {
    const parts = (schema.allOf as Schema[]).map(sample)
    return parts.every((part) => typeof part === 'object') ? Object.assign({}, ...parts) : parts[0]
  }
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  if (types.includes('null')) return null
  return sampleOfType(String(types[0]), schema)
}

function sampleOfType(type: string, schema: Schema): unknown {
  switch (type) {
    case 'string':
      return ''
    case 'integer':
    case 'number':
      return 0
    case 'boolean':
      return false
    case 'array':
      return []
    default: {
      const properties = (schema.properties ?? {}) as Record<string, Schema>
      const required = (schema.required ?? []) as string[]
      return Object.fromEntries(required.map((name) => [name, sample(properties[name] ?? {})]))
    }
  }
}
