// The chain as anybody can compute it: sha-256 over one JSON array of all fields, the hash of the entry before included.
// JSON quotes every text, so no field runs into the next. Objects have their keys sorted by UTF-16 code units, numbers are
// written as JavaScript writes them, nothing has white space: RFC 8785.

import { createHash } from 'node:crypto'

/** What comes before the first entry. */
export const GENESIS = '0'.repeat(64)

/** The form of what is hashed; another form has another number. */
const FORM = 1

/** An entry but for its hash; hashes are hexadecimal, `at` has microseconds in UTC. */
export type Link = {
  seq: number
  at: string
  actorId: string | null
  actorName: string
  via: string
  credentialId: string | null
  address: string | null
  action: string
  targetKind: string
  targetId: string
  targetName: string
  before: unknown
  after: unknown
  previousHash: string
}

export function hashOf(link: Link): string {
  const { seq, at, actorId, actorName, via, credentialId, address, action } = link
  const { targetKind, targetId, targetName, before, after, previousHash } = link
  const fields = [FORM, seq, at, actorId, actorName, via, credentialId, address, action]
  const rest = [targetKind, targetId, targetName, before, after, previousHash]
  return createHash('sha256')
    .update(canonical([...fields, ...rest]))
    .digest('hex')
}

/** JSON in its one form. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}

/**
 * A value as it is kept: JSON that the database gives back as it was given. Numbers that it writes otherwise than JavaScript
 * become text, and so does what text cannot hold.
 */
export function keepable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => {
      if (typeof part === 'string') return part.toWellFormed().replaceAll('\0', '\uFFFD')
      return typeof part === 'number' && !isPlain(String(part)) ? String(part) : part
    }),
  )
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/**
 * Says whether all numbers of the database's JSON text are in the one form. What is read as the same number, but written with
 * more digits, was not written by `recordAudit`.
 */
export function hasPlainNumbers(text: string): boolean {
  return (text.match(TOKENS) ?? []).every((token) => token.startsWith('"') || isPlain(token))
}

const isPlain = (number: string) => /^-?\d+(\.\d+)?$/.test(number) && String(Number(number)) === number
