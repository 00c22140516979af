import { loadavg } from 'node:os'
import type { BenchOptions } from './options.ts'

/** Says on standard error what goes on: standard output is for the one JSON document. */
export function progress(message: string): void {
  process.stderr.write(`${message}\n`)
}

/** Prints the result: one JSON document, or its lines for people. Resolves to the exit code. */
export function report(options: BenchOptions, result: Record<string, unknown>, findings: readonly string[]): number {
  const whole = findings.length > 0 ? { ...result, findings } : result
  const text = options.json
    ? JSON.stringify(whole)
    : Object.entries(whole)
        .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
        .join('\n')
  process.stdout.write(`${text}\n`)
  return findings.length > 0 ? 1 : 0
}

/** How many processes wanted a core in the last minute: figures taken beside other work need this beside them. */
export const load = (): number => round(loadavg()[0] ?? 0)

export const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits
