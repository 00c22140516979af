import { and, eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { ledger } from '../schema/ledger.ts'
import type { LedgerRecord } from './record.ts'

const CURSOR = /^(-?\d{1,17})\.(\d{1,16})\.(.{1,128})$/s
const MICROS = 1000

export type LedgerPage = {
  data: LedgerRecord[]
  /** Where to go on; null at the end. */
  next: string | null
}

/** A page of an attempt's records, oldest first. Those that arrive while someone pages may be on a page already left. */
export async function readLedger(
  db: Executor,
  attemptId: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<LedgerPage> {
  const found = await db
    .select()
    .from(ledger)
    .where(and(eq(ledger.attemptId, attemptId), afterCursor(after)))
    .orderBy(ledger.at, ledger.sandbox, ledger.seq)
    .limit(limit + 1)
  const rows = found.slice(0, limit)
  const last = rows.at(-1)
  return { data: rows.map(recordOf), next: found.length > limit && last !== undefined ? cursorOf(last) : null }
}

type Row = typeof ledger.$inferSelect

function recordOf({ attemptId, at, ...row }: Row): LedgerRecord {
  const { seq, sandbox, phase, ...rest } = row
  return { seq, at: at.toISOString(), sandbox, attempt: attemptId, phase, ...rest }
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
