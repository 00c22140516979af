import { expect } from 'vitest'
import type { LedgerRecord, Layer, Reason } from '../../../sandbox-policy/ledger.ts'
import type { PolicyName } from './policies.ts'
import type { Corpus } from './world.ts'

/** A script in a sandbox under a policy, what it must see, what the ledger and the upstream servers must have of it. */
export type Row = {
  id: string
  what: string
  policy: PolicyName
  /** For bash, with the functions of `PRELUDE`. */
  script: string
  user?: 'root' | 'agent'
  /** All must be in the standard output; `not`: none may. */
  sees?: readonly RegExp[]
  not?: readonly RegExp[]
  /** Every record of it, in order. */
  ledger: readonly Partial<LedgerRecord>[]
  /** Every request that reached a server, as `METHOD scheme://host/path`; none unless said. */
  upstream?: readonly string[]
  /** Bytes on raw connections. */
  bytes?: readonly string[]
}

/** A case that needs more than one script. */
export type Story = { id: string; what: string; run: (corpus: Corpus) => Promise<void> }

export const isStory = (it: Row | Story): it is Story => 'run' in it

const TITLE = ({ id, what }: { id: string; what: string }) => `${id} ${what}`
export const titled = <T extends { id: string; what: string }>(cases: readonly T[]) =>
  cases.map((it) => [TITLE(it), it] as const)

export const deny = (reason: Reason, layer: Layer, more: Partial<LedgerRecord> = {}): Partial<LedgerRecord> => ({
  verdict: 'deny',
  reason,
  layer,
  ...more,
})

export const allow = (host: string, more: Partial<LedgerRecord> = {}): Partial<LedgerRecord> => ({
  verdict: 'allow',
  reason: null,
  layer: 'http',
  host,
  status: 200,
  ...more,
})

/** What a refused client sees, over the proxy or on plain HTTP: the status, the reason, and the end of the connection. */
export const refused = (status: number, reason: Reason) =>
  new RegExp(`HTTP/1\\.1 ${status} [^]*x-drydock-denied: ${reason}\\r`, 'i')
export const CLOSED = /!CLOSED/
export const malformed = [refused(400, 'malformed'), CLOSED] as const

/** A record that has at least these. */
export const like = (record: Partial<LedgerRecord>): unknown => expect.objectContaining(record)

/** Runs a row and compares all three sides. */
export async function check(row: Row, corpus: Corpus): Promise<void> {
  const seen = await corpus.play(row)
  for (const pattern of row.sees ?? []) expect(seen.output).toMatch(pattern)
  for (const pattern of row.not ?? []) expect(seen.output).not.toMatch(pattern)
  expect(seen.ledger).toEqual(row.ledger.map(like))
  expect(seen.upstream.map(({ what }) => what)).toEqual(row.upstream ?? [])
  expect(seen.bytes).toEqual(row.bytes ?? [])
}
