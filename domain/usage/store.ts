import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import type { LedgerRecord } from '../ledger/record.ts'
import { within } from '../ledger/store.ts'
import { storable, storableJson } from '../storable.ts'

const MAX_TEXT = 256
/** Of one request: so that sums fit into numbers, too. */
const MAX_TOKENS = 2 ** 40
const MAX_STATUS = 999

/**
 * Writes what models were used for, of the records that say so; again is harmless. A completed record replaces the open one
 * of its number, never the other way round. Records of people and attempts that do not exist are left out.
 */
export async function storeModelUsage(db: Pick<Db, 'execute'>, records: readonly LedgerRecord[]): Promise<void> {
  const rows = records.flatMap(rowOf)
  if (rows.length === 0) return
  await db.execute(sql`
    insert into model_usage as u (sandbox, seq, at, user_id, product, attempt_id, provider, model, verdict, reason, status,
      input_tokens, output_tokens, ms)
    select distinct on (r.sandbox, r.seq) r.sandbox, r.seq, r.at, p.id, coalesce(t.product, 'local'), a.id, r.provider,
      r.model, r.verdict, r.reason, r.status, r.input_tokens, r.output_tokens, r.ms
    from jsonb_to_recordset(${storableJson(rows)}::jsonb) as r(sandbox text, seq bigint, at timestamptz, person text,
      attempt text, provider text, model text, verdict text, reason text, status integer, input_tokens bigint,
      output_tokens bigint, ms double precision)
    left join attempts a on a.id = r.attempt
    left join tasks t on t.id = a.task_id
    join users p on p.id = coalesce(r.person, a.user_id)
    order by r.sandbox, r.seq, r.ms is null
    on conflict (sandbox, seq) do update set reason = excluded.reason, status = excluded.status,
      input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, ms = excluded.ms
    where u.ms is null and excluded.ms is not null and u.user_id = excluded.user_id`)
}

function rowOf(record: LedgerRecord) {
  const { use, seq, attempt, sandbox } = record
  if (use === undefined || !Number.isSafeInteger(seq) || seq <= 0) return []
  return [
    {
      sandbox: storable(sandbox),
      seq,
      at: record.at,
      // Of a sandbox it is the attempt that says whose it is.
      person: attempt === null ? use.person : null,
      attempt,
      provider: cut(use.provider),
      model: cut(use.model),
      verdict: record.verdict,
      reason: cut(record.reason),
      status: within(record.status, MAX_STATUS),
      input_tokens: within(use.inputTokens, MAX_TOKENS) ?? 0,
      output_tokens: within(use.outputTokens, MAX_TOKENS) ?? 0,
      ms: record.ms,
    },
  ]
}

const cut = (text: string | null) => text && storable(text.slice(0, MAX_TEXT))
