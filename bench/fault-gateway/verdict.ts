import { readFileSync } from 'node:fs'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import type { Arrival } from './recorder.ts'

export type Ledger = { records: LedgerRecord[]; torn: number }

/** The last record of each sandbox and seq. A line that a kill cut counts as torn. */
export function readLedger(file: string): Ledger {
  const last = new Map<string, LedgerRecord>()
  let torn = 0
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    try {
      const record = JSON.parse(line) as LedgerRecord
      const key = `${record.sandbox} ${record.seq}`
      const earlier = last.get(key)
      if (earlier?.ms == null || record.ms !== null) last.set(key, record)
    } catch {
      torn++
    }
  }
  return { records: [...last.values()], torn }
}

/** What an outside look finds wrong: arrivals that the ledger does not have, or has from later on; and gaps in it. */
export function judgeLedger(arrivals: readonly Arrival[], { records }: Ledger): string[] {
  const allowed = new Map<string, number>()
  for (const { verdict, path, at } of records)
    if (verdict === 'allow' && path !== null) allowed.set(path, Date.parse(at))
  const missing = arrivals.filter(({ path }) => !allowed.has(path))
  const early = arrivals.filter(({ path, at }) => (allowed.get(path) ?? 0) > at)
  const gaps = gapsOf(records)
  return [
    ...summed(
      missing.map(({ path }) => path),
      'requests arrived that the ledger does not have',
    ),
    ...summed(
      early.map(({ path }) => path),
      'requests arrived before their record was opened',
    ),
    ...summed(gaps, 'records are missing between others'),
  ]
}

/** Numbers that a sandbox's records do not have, though a later one has. */
function gapsOf(records: readonly LedgerRecord[]): string[] {
  const seqs = new Map<string, Set<number>>()
  for (const { sandbox, seq } of records) seqs.set(sandbox, (seqs.get(sandbox) ?? new Set()).add(seq))
  return [...seqs].flatMap(([sandbox, known]) => {
    const gaps: string[] = []
    for (let seq = 1; seq <= Math.max(...known); seq++) if (!known.has(seq)) gaps.push(`${sandbox} ${seq}`)
    return gaps
  })
}

function summed(cases: readonly string[], what: string): string[] {
  return cases.length === 0 ? [] : [`${cases.length} ${what}: ${cases.slice(0, 5).join(', ')}`]
}
