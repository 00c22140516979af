import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable, storableJson } from '../storable.ts'
import type { LedgerRecord } from './record.ts'

const MAX_TEXT = 4096
const MAX_SANDBOX = 128
const MAX_PORT = 65_535
const MAX_INTEGER = 2 ** 31 - 1

export type StoredLedger = {
  /** Records that are in the database, by this call or an earlier one. */
  stored: number
  /** Records of attempts that do not exist, or that no row can hold. */
  dropped: number
}

/**
 * Writes records in one statement; again is harmless. A completed record replaces the open one of its number, never the
 * other way round, and no completed one changes. What cannot be stored is counted: a spool must not stop at it.
 */
export async function storeLedger(db: Pick<Db, 'execute'>, records: readonly LedgerRecord[]): Promise<StoredLedger> {
  const rows = records.flatMap(rowOf)
  if (rows.length === 0) return { stored: 0, dropped: records.length }
  const attempts = [...new Set(rows.map(({ attempt_id }) => attempt_id))]
  // Sorted, so that two writers lock rows in one order; of two in one batch the completed one counts.
  const [counts] = await db.execute<{ stored: number }>(sql`
    with known as materialized (
      select id from attempts
      where id in (select value from jsonb_array_elements_text(${JSON.stringify(attempts)}::jsonb))
      order by id for key share
    ), given as materialized (
      select r.* from jsonb_to_recordset(${storableJson(rows)}::jsonb) as r(
        sandbox text, seq bigint, attempt_id text, at timestamptz, phase text, layer text, asked text, host text,
        port integer, address text, method text, path text, verdict text, rule text, reason text, status integer,
        bytes_up bigint, bytes_down bigint, ms double precision, policy_version bigint)
      join known on known.id = r.attempt_id
    ), written as (
      insert into ledger as l (sandbox, seq, attempt_id, at, phase, layer, asked, host, port, address, method, path,
        verdict, rule, reason, status, bytes_up, bytes_down, ms, policy_version)
      select distinct on (sandbox, seq) * from given order by sandbox, seq, ms is null
      on conflict (sandbox, seq) do update set
        attempt_id = excluded.attempt_id, at = excluded.at, phase = excluded.phase, layer = excluded.layer,
        asked = excluded.asked, host = excluded.host, port = excluded.port, address = excluded.address,
        method = excluded.method, path = excluded.path, verdict = excluded.verdict, rule = excluded.rule,
        reason = excluded.reason, status = excluded.status, bytes_up = excluded.bytes_up,
        bytes_down = excluded.bytes_down, ms = excluded.ms, policy_version = excluded.policy_version
      where l.ms is null and excluded.ms is not null and l.attempt_id = excluded.attempt_id
    )
    select count(*)::int as stored from given`)
  const stored = counts?.stored ?? 0
  return { stored, dropped: records.length - stored }
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
  const { ms } = record
  return [
    {
      sandbox: storable(sandbox),
      seq,
      attempt_id: storable(attempt),
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
      reason: cut(record.reason),
      status: within(record.status, MAX_INTEGER),
      bytes_up: within(record.bytesUp, Number.MAX_SAFE_INTEGER) ?? 0,
      bytes_down: within(record.bytesDown, Number.MAX_SAFE_INTEGER) ?? 0,
      ms: ms !== null && Number.isFinite(ms) ? Math.max(0, ms) : null,
      policy_version: within(record.policyVersion, Number.MAX_SAFE_INTEGER) ?? 0,
    },
  ]
}

const cut = (text: string | null) => text && storable(text.slice(0, MAX_TEXT))

const within = (value: number | null, max: number) =>
  value !== null && Number.isInteger(value) && value >= 0 && value <= max ? value : null

/** Every record has a time, since the ledger is read in its order; a broken one is that of its writing. */
function timeOf(at: string): string {
  const time = new Date(at)
  const isPlain = !Number.isNaN(time.getTime()) && time.getUTCFullYear() >= 1970 && time.getUTCFullYear() <= 9999
  return (isPlain ? time : new Date()).toISOString()
}
