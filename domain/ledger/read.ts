import { and, eq, getTableColumns, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { ledger } from '../schema/ledger.ts'
import type { StoredRecord } from './record.ts'

const CURSOR = /^(-?\d{1,17})\.(\d{1,16})\.(.{1,128})$/s
const MICROS = 1000
/** A reader knows whose environment it is that it asks for. */
const { environmentId, ...columns } = getTableColumns(ledger)

export type LedgerPage = {
  data: StoredRecord[]
  /** Where to go on; null at the end. */
  next: string | null
}

/** Whose records are read: an attempt's, or those of an environment's builds that no attempt waited for. */
export type LedgerOf = { attempt: string } | { environment: string }

/** A page of somebody's records, oldest first. Those that arrive while someone pages may be on a page already left. */
export async function readLedger(
  db: Executor,
  of: LedgerOf,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<LedgerPage> {
  const found = await db
    .select(columns)
    .from(ledger)
    .where(and(isOf(of), afterCursor(after)))
    .orderBy(ledger.at, ledger.sandbox, ledger.seq)
    .limit(limit + 1)
  const rows = found.slice(0, limit)
  const last = rows.at(-1)
  return { data: rows.map(recordOf), next: found.length > limit && last !== undefined ? cursorOf(last) : null }
}

const isOf = (of: LedgerOf) => ('attempt' in of ? eq(ledger.attemptId, of.attempt) : eq(environmentId, of.environment))

type Row = Omit<typeof ledger.$inferSelect, 'environmentId'>

function recordOf({ seq, at, sandbox, attemptId, build, phase, ...rest }: Row): StoredRecord {
  return { seq, at: at.toISOString(), sandbox, attempt: attemptId, build, phase, ...rest }
}

function cursorOf({ at, seq, sandbox }: Row): string {
  return Buffer.from(`${at.getTime() * MICROS}.${seq}.${sandbox}`).toString('base64url')
}

function afterCursor(cursor: string | undefined) {
  if (cursor === undefined) return undefined
  const [, micros, seq, sandbox] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (micros === undefined || seq === undefined || sandbox === undefined || sandbox.includes('\0')) {
    throw new DrydockError('invalid-request', 'Cannot read the ledger: the cursor is not one that a page returned')
  }
  return sql`(at, sandbox, seq) >
    (timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond', ${sandbox}, ${seq}::bigint)`
}
