import { createHash } from 'node:crypto'
import { canonical, keepable } from './chain.ts'

type Fields = Record<string, unknown>
export type Changed = { before: Fields; after: Fields }

/** Those fields of two states that differ; undefined where none does. A field that one lacks is null there. */
export function changedFields(before: Fields, after: Fields): Changed | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  const changed = names.filter((name) => formOf(before[name]) !== formOf(after[name]))
  if (changed.length === 0) return undefined
  const pick = (from: Fields) => Object.fromEntries(changed.map((name) => [name, from[name] ?? null]))
  return { before: pick(before), after: pick(after) }
}

const formOf = (value: unknown) => canonical(keepable(value ?? null))

/** What stands for a text that is too long for the log, or that may hold what people were told not to write there. */
export function digestOf(text: string | null): string | null {
  return text === null ? null : `sha256:${createHash('sha256').update(text).digest('hex')}`
}
