import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'

/** Hosts that a summary names, for each verdict: a flood of denied names hides no allowed one. */
const MAX_HOSTS = 25
/** Reasons and rules that are counted for one host. */
const MAX_COUNTS = 10

export type LedgerTotals = { requests: number; denied: number; bytesUp: number; bytesDown: number }

/** What went on with one host, under one verdict. `host` is null for names that are none. */
export type LedgerHost = {
  host: string | null
  verdict: 'allow' | 'deny'
  count: number
  bytesUp: number
  bytesDown: number
  reasons: Record<string, number>
  rules: Record<string, number>
  first: string
  last: string
}

export type LedgerSummary = LedgerTotals & {
  /** Allowed ones first, then by number. */
  hosts: LedgerHost[]
  /** What the hosts that are not named amount to; null when all are. Of a flood, `hosts` is the least that there were. */
  others: (LedgerTotals & { hosts: number }) | null
}

/** What an attempt asked under one verdict, as `ledger_totals` has it. */
export type LedgerTotal = Omit<LedgerTotals, 'denied'> & { attempt: string; verdict: 'allow' | 'deny' }
type HostRow = LedgerHost & { attempt_id: string; known: number }

/** What an attempt asked of the network, by host; undefined when it asked nothing. */
export async function ledgerSummary(db: Pick<Db, 'execute'>, attemptId: string): Promise<LedgerSummary | undefined> {
  const totals = await db.execute<LedgerTotal>(sql`
    select attempt_id as attempt, verdict, requests::float8, bytes_up::float8 as "bytesUp",
      bytes_down::float8 as "bytesDown"
    from ledger_totals where attempt_id = ${attemptId}`)
  return (await ledgerSummaries(db, totals)).get(attemptId)
}

/** The summaries of the attempts that have totals, by their ids. */
export async function ledgerSummaries(
  db: Pick<Db, 'execute'>,
  totals: readonly LedgerTotal[],
): Promise<Map<string, LedgerSummary>> {
  if (totals.length === 0) return new Map()
  const ids = [...new Set(totals.map(({ attempt }) => attempt))]
  const hosts = await db.execute<{ host_row: HostRow }>(hostsQuery(ids))
  return new Map(
    ids.map((id) => {
      const sums = totals.filter(({ attempt }) => attempt === id)
      const named = hosts.filter(({ host_row: row }) => row.attempt_id === id).map(({ host_row: row }) => row)
      return [id, summaryOf(sums, named)]
    }),
  )
}

function summaryOf(sums: readonly LedgerTotal[], rows: readonly HostRow[]): LedgerSummary {
  const all = { requests: 0, denied: 0, bytesUp: 0, bytesDown: 0 }
  for (const { verdict, requests, bytesUp, bytesDown } of sums) {
    all.requests += requests
    if (verdict === 'deny') all.denied += requests
    all.bytesUp += bytesUp
    all.bytesDown += bytesDown
  }
  const others = { hosts: 0, ...all }
  const known = new Map<string, number>()
  for (const { verdict, known: hosts, count, bytesUp, bytesDown } of rows) {
    known.set(verdict, hosts)
    others.requests -= count
    if (verdict === 'deny') others.denied -= count
    others.bytesUp -= bytesUp
    others.bytesDown -= bytesDown
  }
  others.hosts = [...known.values()].reduce((sum, hosts) => sum + hosts, 0) - rows.length
  return { ...all, hosts: rows.map(hostOf), others: others.requests <= 0 ? null : others }
}

const hostOf = ({ host, verdict, count, bytesUp, bytesDown, reasons, rules, first, last }: HostRow): LedgerHost => ({
  ...{ host, verdict, count, bytesUp, bytesDown, reasons, rules, first, last },
})

/** The hosts that are named, with how often each reason and rule decided about them. */
function hostsQuery(attemptIds: readonly string[]) {
  const wanted = sql`(select value from jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb))`
  return sql`
    with parts as materialized (
      select * from ledger_hosts where attempt_id in ${wanted} and requests > 0
    ), by_host as (
      select attempt_id, verdict, host, sum(requests) as n, sum(bytes_up) as up, sum(bytes_down) as down,
        min(first) as first, max(last) as last, count(*) over (partition by attempt_id, verdict) as known,
        row_number() over (partition by attempt_id, verdict order by sum(requests) desc, host = '', host) as place
      from parts group by attempt_id, verdict, host
    )
    select jsonb_build_object('attempt_id', attempt_id, 'host', nullif(host, ''), 'verdict', verdict, 'count', n,
      'bytesUp', up, 'bytesDown', down, 'reasons', ${counts('reason')}, 'rules', ${counts('rule')},
      'first', ${iso('first')}, 'last', ${iso('last')}, 'known', known) as host_row
    from by_host where place <= ${MAX_HOSTS} order by attempt_id, verdict, place`
}

/** How often each reason or rule decided about the host of the outer row. */
function counts(column: 'reason' | 'rule') {
  const name = sql.raw(column)
  return sql`(
    select coalesce(jsonb_object_agg(name, n), '{}') from (
      select p.${name} as name, sum(p.requests) as n from parts p
      where p.attempt_id = by_host.attempt_id and p.verdict = by_host.verdict and p.host = by_host.host
        and p.${name} <> ''
      group by 1 order by 2 desc, 1 limit ${MAX_COUNTS}
    ) c)`
}

const iso = (column: 'first' | 'last') =>
  sql`to_char(${sql.raw(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
