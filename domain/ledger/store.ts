import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable, storableJson } from '../storable.ts'
import { buildOf } from './owner.ts'
import type { LedgerRecord } from './record.ts'

const MAX_TEXT = 4096
const MAX_SANDBOX = 128
/** Rows of sums that an attempt may have for each verdict. */
const MAX_ROWS = 2000
const MAX_PORT = 65_535
/** Of one exchange: so that sums fit into numbers, too. */
const MAX_BYTES = 2 ** 43
const MAX_INTEGER = 2 ** 31 - 1

export type StoredLedger = {
  /** Records that are in the database, by this call or an earlier one. */
  stored: number
  /** Records of attempts and environments that do not exist, or that no row can hold. */
  dropped: number
}

/**
 * Writes records in one statement; again is harmless. A completed record replaces the open one of its number, never the
 * other way round, and no completed one changes. What cannot be stored is counted: a spool must not stop at it.
 */
export async function storeLedger(db: Pick<Db, 'execute'>, records: readonly LedgerRecord[]): Promise<StoredLedger> {
  const rows = records.flatMap(rowOf)
  if (rows.length === 0) return { stored: 0, dropped: records.length }
  const attempts = idsOf(rows.map(({ attempt_id }) => attempt_id))
  const environments = idsOf(rows.map(({ environment_id }) => environment_id))
  // Sorted, so that two writers lock rows in one order; of two in one batch the completed one counts.
  const [counts] = await db.execute<{ stored: number }>(sql`
    with known as materialized (
      select id from attempts where id in (${attempts}) order by id for key share
    ), known_environments as materialized (
      select id from environments where id in (${environments}) order by id for key share
    ), given as materialized (
      select r.* from jsonb_to_recordset(${storableJson(rows)}::jsonb) as r(
        sandbox text, seq bigint, attempt_id text, environment_id text, build text, at timestamptz, phase text, layer text, asked text, host text,
        port integer, address text, method text, path text, verdict text, rule text, reason text, status integer,
        bytes_up bigint, bytes_down bigint, ms double precision, policy_version bigint)
      where r.attempt_id in (select id from known) or r.environment_id in (select id from known_environments)
    ), written as (
      insert into ledger as l (sandbox, seq, attempt_id, environment_id, build, at, phase, layer, asked, host, port,
        address, method, path, verdict, rule, reason, status, bytes_up, bytes_down, ms, policy_version)
      select distinct on (sandbox, seq) * from given order by sandbox, seq, ms is null
      on conflict (sandbox, seq) do update set address = excluded.address, reason = excluded.reason,
        status = excluded.status, bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down, ms = excluded.ms
      where l.ms is null and excluded.ms is not null
        and (l.attempt_id, l.environment_id, l.build)
          is not distinct from (excluded.attempt_id, excluded.environment_id, excluded.build)
      returning l.*, l.xmax = 0 as fresh
    ), ${summedUp()}
    select count(*)::int as stored from given`)
  const stored = counts?.stored ?? 0
  return { stored, dropped: records.length - stored }
}

const idsOf = (ids: readonly (string | null)[]) =>
  sql`select value from jsonb_array_elements_text(${JSON.stringify([...new Set(ids.filter((id) => id !== null))])}::jsonb)`

/**
 * Adds what was written of attempts to their sums. An open record counts at once, without bytes or reason; when it is completed, the
 * bytes come on top, and it moves to its reason. Each verdict has room for so many rows: a flood fills only its own.
 */
function summedUp() {
  return sql`
    changes as materialized (
      select w.attempt_id, w.verdict, coalesce(left(w.host, 255), '') as host, coalesce(left(w.rule, 100), '') as rule,
        c.reason, sum(c.n) as n, sum(c.up) as up, sum(c.down) as down, min(w.at) as first, max(w.at) as last
      from written w cross join lateral (
        select coalesce(left(w.reason, 40), '') as reason, case when w.fresh or w.reason is not null then 1 else 0 end as n,
          w.bytes_up as up, w.bytes_down as down
        union all select '', -1, 0, 0 where not w.fresh and w.reason is not null
      ) c
      where w.attempt_id is not null
      group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
    ), hosts as (
      insert into ledger_hosts as h
        (attempt_id, verdict, host, rule, reason, requests, bytes_up, bytes_down, first, last)
      select c.* from changes c left join ledger_totals t on t.attempt_id = c.attempt_id and t.verdict = c.verdict
      where coalesce(t.rows, 0) < ${MAX_ROWS} or exists (
        select from ledger_hosts o where o.attempt_id = c.attempt_id and o.verdict = c.verdict and o.host = c.host
          and o.rule = c.rule and o.reason = c.reason)
      on conflict (attempt_id, verdict, host, rule, reason) do update set requests = h.requests + excluded.requests,
        bytes_up = h.bytes_up + excluded.bytes_up, bytes_down = h.bytes_down + excluded.bytes_down,
        first = least(h.first, excluded.first), last = greatest(h.last, excluded.last)
      returning h.attempt_id, h.verdict, h.xmax = 0 as fresh
    ), made as (
      select attempt_id, verdict, count(*) as rows from hosts where fresh group by attempt_id, verdict
    ), totals as (
      insert into ledger_totals as t (attempt_id, verdict, requests, bytes_up, bytes_down, rows)
      select c.attempt_id, c.verdict, sum(c.n), sum(c.up), sum(c.down), coalesce(max(m.rows), 0)
      from changes c left join made m on m.attempt_id = c.attempt_id and m.verdict = c.verdict
      group by c.attempt_id, c.verdict order by c.attempt_id, c.verdict
      on conflict (attempt_id, verdict) do update set requests = t.requests + excluded.requests,
        bytes_up = t.bytes_up + excluded.bytes_up, bytes_down = t.bytes_down + excluded.bytes_down,
        rows = t.rows + excluded.rows
    )`
}

/** The highest number of a sandbox, 0 without any: a new gateway process goes on after it. */
export async function highestSeq(db: Pick<Db, 'execute'>, sandbox: string): Promise<number> {
  const [row] = await db.execute<{ seq: string | null }>(
    sql`select max(seq) as seq from ledger where sandbox = ${sandbox}`,
  )
  return Number(row?.seq ?? 0)
}

/** A record as a row that the statement takes, whatever is in it; nothing when it cannot be told which it is. */
function rowOf(record: LedgerRecord) {
  const { sandbox, seq, attempt } = record
  const isKnown = attempt !== null && Number.isSafeInteger(seq) && seq > 0 && sandbox.length <= MAX_SANDBOX
  if (!isKnown) return []
  const ms = record.ms !== null && Number.isFinite(record.ms) ? Math.max(0, record.ms) : null
  const isOpen = ms === null
  const owner = storable(attempt)
  const build = buildOf(owner)
  return [
    {
      sandbox: storable(sandbox),
      seq,
      attempt_id: build ? null : owner,
      environment_id: build?.environmentId ?? null,
      build: build?.build ?? null,
      at: timeOf(record.at),
      phase: cut(record.phase),
      layer: cut(record.layer),
      asked: cut(record.asked),
      host: cut(record.host),
      port: within(record.port, MAX_PORT),
      address: cut(record.address),
      method: cut(record.method),
      path: cut(record.path),
      verdict: record.verdict === 'allow' ? 'allow' : 'deny',
      rule: cut(record.rule),
      reason: isOpen ? null : cut(record.reason),
      status: within(record.status, MAX_INTEGER),
      bytes_up: isOpen ? 0 : (within(record.bytesUp, MAX_BYTES) ?? 0),
      bytes_down: isOpen ? 0 : (within(record.bytesDown, MAX_BYTES) ?? 0),
      ms,
      policy_version: within(record.policyVersion, Number.MAX_SAFE_INTEGER) ?? 0,
    },
  ]
}

const cut = (text: string | null) => text && storable(text.slice(0, MAX_TEXT))

/** A whole number from 0 to `max`, or null. */
export const within = (value: number | null, max: number) =>
  value !== null && Number.isInteger(value) && value >= 0 && value <= max ? value : null

/** Every record has a time, since the ledger is read in its order; a broken one is that of its writing. */
function timeOf(at: string): string {
  const time = new Date(at)
  const isPlain = !Number.isNaN(time.getTime()) && time.getUTCFullYear() >= 1970 && time.getUTCFullYear() <= 9999
  return (isPlain ? time : new Date()).toISOString()
}
