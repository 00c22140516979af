import { sql } from 'drizzle-orm'
import { SERVER } from '../../domain/audit/actions.ts'
import type { AuditRecord } from '../../domain/audit/actions.ts'
import { hashOf } from '../../domain/audit/chain.ts'
import { readAfter } from '../../domain/audit/read.ts'
import type { AuditEntry } from '../../domain/audit/read.ts'
import { insertLink, recordAudit } from '../../domain/audit/record.ts'
import { verifyAudit } from '../../domain/audit/verify.ts'
import type { Verdict, VerifyOptions } from '../../domain/audit/verify.ts'
import type { Db } from '../../domain/db.ts'

/** An act of the server on a group of the name, in a transaction of its own. */
export const act = (db: Db, name = 'g', more: Partial<AuditRecord> = {}) =>
  db.transaction((tx) =>
    recordAudit(tx, { by: SERVER, action: 'group.create', target: { kind: 'group', id: name, name }, ...more }),
  )

export const allEntries = (db: Db): Promise<AuditEntry[]> => readAfter(db, {}, { after: 0, limit: 100_000 })

/** Follows the chain to its end. */
export async function verifyAll(db: Db, options: VerifyOptions = {}): Promise<Verdict> {
  let verdict = await verifyAudit(db, options)
  while (!verdict.done) verdict = await verifyAudit(db, { ...options, from: verdict.last })
  return verdict
}

/** Appends entries of a time that is past, as a clock that ran then would have. */
export async function actAt(db: Db, at: string, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    const last = (await allEntries(db)).at(-1)
    const named = { actorName: 'server', via: 'server', action: 'group.create', targetKind: 'group', targetId: 'g' }
    const none = { actorId: null, credentialId: null, address: null, before: null, after: null }
    const previousHash = last?.hash ?? '0'.repeat(64)
    await insertLink(db, { seq: (last?.seq ?? 0) + 1, at, ...named, ...none, targetName: 'g', previousHash })
  }
}

/** What only the owner of the tables can do: the guards are away meanwhile. */
export async function tamper(db: Db, statement: string): Promise<void> {
  await db.transaction(async (tx) => {
    for (const table of ['audit_entries', 'audit_head']) {
      await tx.execute(sql.raw(`alter table ${table} disable trigger user`))
    }
    await tx.execute(sql.raw(statement))
    for (const table of ['audit_entries', 'audit_head']) {
      await tx.execute(sql.raw(`alter table ${table} enable trigger user`))
    }
  })
}

/** The hash that an entry would have with these changes: what somebody computes who rewrites the chain. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- taken out of what is kept
export const rehash = ({ hash: _, ...entry }: AuditEntry, change: Partial<AuditEntry>) =>
  hashOf({ ...entry, ...change })
