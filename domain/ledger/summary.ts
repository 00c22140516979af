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
  /** What the hosts that are not named amount to; null when all are. */
  others: (LedgerTotals & { hosts: number }) | null
}

type Row = {
  attempt_id: string
  totals: LedgerTotals
  hosts: LedgerHost[]
  others: LedgerTotals & { hosts: number }
}

/** What an attempt asked of the network, by host; undefined when it asked nothing. */
export async function ledgerSummary(db: Pick<Db, 'execute'>, attemptId: string): Promise<LedgerSummary | undefined> {
  return (await ledgerSummaries(db, [attemptId])).get(attemptId)
}

/** The summaries of several attempts; those that asked nothing are left out. */
export async function ledgerSummaries(
  db: Pick<Db, 'execute'>,
  attemptIds: readonly string[],
): Promise<Map<string, LedgerSummary>> {
  if (attemptIds.length === 0) return new Map()
  const rows = await db.execute<Row>(summaryQuery(attemptIds))
  return new Map(rows.map((row) => [row.attempt_id, summaryOf(row)]))
}

function summaryOf({ totals, hosts, others }: Row): LedgerSummary {
  return { ...totals, hosts, others: others.hosts === 0 ? null : others }
}

function summaryQuery(attemptIds: readonly string[]) {
  const totals = sql`'requests', sum(n), 'denied', coalesce(sum(n) filter (where verdict = 'deny'), 0),
    'bytesUp', sum(up), 'bytesDown', sum(down)`
  return sql`
    with parts as materialized (
      select attempt_id, host, verdict, reason, rule, count(*) as n, sum(bytes_up) as up, sum(bytes_down) as down,
        min(at) as first, max(at) as last
      from ledger
      where attempt_id in (select value from jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb))
      group by attempt_id, host, verdict, reason, rule
    ), by_host as (
      select attempt_id, host, verdict, sum(n) as n, sum(up) as up, sum(down) as down, min(first) as first,
        max(last) as last,
        row_number() over (partition by attempt_id, verdict order by sum(n) desc, host nulls last) as place
      from parts group by attempt_id, host, verdict
    )
    select attempt_id, jsonb_build_object(${totals}) as totals,
      coalesce(jsonb_agg(jsonb_build_object('host', host, 'verdict', verdict, 'count', n, 'bytesUp', up,
        'bytesDown', down, 'reasons', ${counts('reason')}, 'rules', ${counts('rule')}, 'first', ${iso('first')},
        'last', ${iso('last')}) order by verdict, place) filter (where place <= ${MAX_HOSTS}), '[]') as hosts,
      jsonb_build_object('hosts', count(*) filter (where place > ${MAX_HOSTS}), ${othersOf()}) as others
    from by_host group by attempt_id`
}

/** How often each reason or rule decided about the host of the outer row. */
function counts(column: 'reason' | 'rule') {
  const name = sql.raw(column)
  return sql`case when place > ${MAX_HOSTS} then null else (
    select coalesce(jsonb_object_agg(name, n), '{}') from (
      select ${name} as name, sum(n) as n from parts p
      where p.attempt_id = by_host.attempt_id and p.host is not distinct from by_host.host
        and p.verdict = by_host.verdict and ${name} is not null
      group by 1 order by 2 desc, 1 limit ${MAX_COUNTS}
    ) c) end`
}

function othersOf() {
  const rest = sql`filter (where place > ${MAX_HOSTS})`
  return sql`'requests', coalesce(sum(n) ${rest}, 0),
    'denied', coalesce(sum(n) filter (where place > ${MAX_HOSTS} and verdict = 'deny'), 0),
    'bytesUp', coalesce(sum(up) ${rest}, 0), 'bytesDown', coalesce(sum(down) ${rest}, 0)`
}

const iso = (column: 'first' | 'last') =>
  sql`to_char(${sql.raw(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
