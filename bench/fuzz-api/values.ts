import type { Random } from '../fuzz/random.ts'
import type { OpenApi, Schema } from './document.ts'

/** Where ids and names of things that exist come from; undefined where there is none yet. */
export type Known = (kind: string) => string | undefined

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789'
const ODD = [
  ...['', ' ', '\0', '\u202e', '\ud800', '\u00e9\u0301', '𝔘', '%00', '%2e%2e%2f', '../..', '__proto__', 'constructor'],
  ...['null', '-1', '1e999', "';--", '<script>', '${7*7}', '\r\nx: y', '\\u0000', 'a'.repeat(5000)],
]
/** Things that patterns of this API ask for. */
const SHAPED = [
  '22',
  '1.2.3',
  'a.test',
  'postgres:17',
  'https://a.test/x',
  'A_B',
  'a@b.test',
  '5432',
  'npm',
  '*.a.test',
  'main',
]
const MAX_DEPTH = 6

/** Makes values that fit a schema as far as a schema tells. */
export class Values {
  readonly #schemas: Schema
  readonly #known: Known

  constructor(document: OpenApi, known: Known) {
    this.#schemas = document.components?.schemas ?? {}
    this.#known = known
  }

  make(schema: Schema, random: Random, { name = '', depth = 0 } = {}): unknown {
    if (typeof schema.$ref === 'string') return this.make(this.#resolve(schema.$ref), random, { name, depth })
    if ('const' in schema) return schema.const
    if (Array.isArray(schema.enum)) return random.pick(schema.enum)
    const choices = (schema.oneOf ?? schema.anyOf) as Schema[] | undefined
    if (choices !== undefined) return this.make(random.pick(choices), random, { name, depth })
    if (Array.isArray(schema.allOf)) return this.#all(schema.allOf as Schema[], random, { name, depth })
    const type = Array.isArray(schema.type) ? random.pick(schema.type as string[]) : schema.type
    switch (type) {
      case 'string':
        return this.#text(schema, random, name)
      case 'integer':
      case 'number':
        return numberOf(schema, random)
      case 'boolean':
        return random.oneIn(2)
      case 'null':
        return null
      case 'array':
        return this.#list(schema, random, { name, depth })
      default:
        return this.#object(schema, random, depth)
    }
  }

  #resolve(ref: string): Schema {
    return (this.#schemas[ref.split('/').at(-1) ?? ''] ?? {}) as Schema
  }

  #all(parts: readonly Schema[], random: Random, at: { name: string; depth: number }): unknown {
    const made = parts.map((part) => this.make(part, random, at))
    return Object.assign({}, ...made.filter((part) => typeof part === 'object')) as unknown
  }

  #object(schema: Schema, random: Random, depth: number): Record<string, unknown> {
    const properties = (schema.properties ?? {}) as Record<string, Schema>
    const required = (schema.required ?? []) as string[]
    const chosen = Object.keys(properties).filter(
      (name) => required.includes(name) || (depth < MAX_DEPTH && random.oneIn(4)),
    )
    const made = chosen.map((name) => [name, this.make(properties[name] ?? {}, random, { name, depth: depth + 1 })])
    const more = schema.additionalProperties
    if (typeof more === 'object' && more !== null && depth < MAX_DEPTH) {
      const names = (schema.propertyNames ?? { type: 'string' }) as Schema
      for (let left = random.int(3); left > 0; left--) {
        made.push([String(this.make(names, random)), this.make(more as Schema, random, { depth: depth + 1 })])
      }
    }
    return Object.fromEntries(made) as Record<string, unknown>
  }

  #list(schema: Schema, random: Random, { name, depth }: { name: string; depth: number }): unknown[] {
    const least = Number(schema.minItems ?? 0)
    const most = Math.min(Number(schema.maxItems ?? 4), least + (depth < MAX_DEPTH ? 3 : 0))
    const length = least + random.int(most - least + 1)
    const one = name.replace(/s$/, '')
    return Array.from({ length }, () =>
      this.make((schema.items ?? {}) as Schema, random, { name: one, depth: depth + 1 }),
    )
  }

  #text(schema: Schema, random: Random, name: string): string {
    const known = random.oneIn(10) ? undefined : this.#known(name)
    if (known !== undefined) return known
    const least = Number(schema.minLength ?? 0)
    const most = Math.min(Number(schema.maxLength ?? 40), least + 40)
    const free = () => LETTERS[random.int(LETTERS.length)] + random.text(`${LETTERS} -_.`, Math.max(most - 1, 0))
    if (schema.format === 'uri' || schema.format === 'url') return `https://${random.text('abc', 8)}x.test/`
    if (schema.format === 'email') return `${random.text('abc', 8)}x@example.test`
    if (schema.format === 'date-time') return new Date(random.int(2_000_000_000) * 1000).toISOString()
    if (typeof schema.pattern !== 'string') return random.oneIn(6) ? random.pick(ODD).padEnd(least, 'x') : free()
    return fitting(new RegExp(schema.pattern, 'u'), [() => random.text(LETTERS, 12), free, () => random.pick(SHAPED)])
  }
}

/** Anything that JSON can say, at the wrong place. */
export function oddValue(random: Random): unknown {
  const values = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, [], {}, [[[[]]]], { a: { b: null } }, ...ODD]
  return random.pick(values)
}

export const oddText = (random: Random): string => random.pick(ODD)

function numberOf(schema: Schema, random: Random): number {
  const least = Number(
    schema.minimum ?? (typeof schema.exclusiveMinimum === 'number' ? schema.exclusiveMinimum + 1 : 0),
  )
  const most = Number(schema.maximum ?? least + 1000)
  const value = random.oneIn(4) ? random.pick([least, most]) : least + random.int(Math.min(most - least, 1e6) + 1)
  return schema.type === 'integer' ? Math.round(value) : value
}

function fitting(pattern: RegExp, makers: readonly (() => string)[]): string {
  for (let tries = 0; tries < 40; tries++) {
    const text = makers[tries % makers.length]?.() ?? ''
    if (pattern.test(text)) return text
  }
  return 'a'
}
