import { parseArgs } from 'node:util'
import { DrydockError } from '../../domain/errors.ts'

/** What every file of bench/ gets: `args` is what follows the name, without `--json`. */
export type BenchOptions = { json: boolean; args: string[] }

/** Reads `--name value` pairs that are whole numbers; each name has a default. */
export function numbers<T extends Record<string, number>>(args: readonly string[], defaults: T): T {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]))
  const values = parse(args, options)
  const read = Object.entries(defaults).map(([name, fallback]) => [name, toNumber(name, values[name], fallback)])
  return Object.fromEntries(read) as T
}

function parse(args: readonly string[], options: Record<string, { type: 'string' }>) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name} N`)
    const text = error instanceof Error ? error.message : String(error)
    throw new DrydockError('config-invalid', `Cannot start: ${text} The options are ${known.join(', ')}.`)
  }
}

function toNumber(name: string, text: string | boolean | undefined, fallback: number): number {
  if (typeof text !== 'string') return fallback
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new DrydockError('config-invalid', `Cannot start: --${name} takes a whole number, and got "${text}"`)
}
