import { and, asc, desc, eq, gt, gte, lt, or, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { auditEntries } from '../schema/audit.ts'
import type { AuditAction } from './actions.ts'
import { utc } from './record.ts'

const { seq, actorId, actorName, via, credentialId, address, action, targetKind, targetId, targetName } = auditEntries
const { before, after, previousHash, hash } = auditEntries

export const entryColumns = {
  seq,
  at: utc(sql`${auditEntries.at}`),
  ...{ actorId, actorName, via, credentialId, address, action, targetKind, targetId, targetName, before, after },
  previousHash: sql<string>`encode(${previousHash}, 'hex')`,
  hash: sql<string>`encode(${hash}, 'hex')`,
}

/** Which entries: `actor` and `target` by id or name; `since` and what is after it, up to before `until`. */
export type AuditFilter = {
  actor?: string | undefined
  action?: AuditAction | undefined
  target?: string | undefined
  since?: Date | undefined
  until?: Date | undefined
}
export type AuditEntry = Awaited<ReturnType<typeof readAfter>>[number]

/** A page, the newest first; `cursor` is the last number of the page before. */
export async function listAudit(
  db: Executor,
  filter: AuditFilter,
  { cursor, limit }: { cursor?: number | undefined; limit: number },
): Promise<{ data: AuditEntry[]; nextCursor: number | null }> {
  const rows = await db
    .select(entryColumns)
    .from(auditEntries)
    .where(and(matches(filter), cursor === undefined ? undefined : lt(seq, cursor)))
    .orderBy(desc(seq))
    .limit(limit + 1)
  const data = rows.slice(0, limit)
  return { data, nextCursor: rows.length > limit ? (data.at(-1)?.seq ?? null) : null }
}

/** The entries after a number, the oldest first. */
export async function readAfter(db: Executor, filter: AuditFilter, page: { after: number; limit: number }) {
  return db
    .select(entryColumns)
    .from(auditEntries)
    .where(and(matches(filter), gt(seq, page.after)))
    .orderBy(asc(seq))
    .limit(page.limit)
}

function matches({ actor, action: wanted, target, since, until }: AuditFilter) {
  return and(
    actor === undefined ? undefined : or(eq(actorId, actor), eq(actorName, actor)),
    wanted === undefined ? undefined : eq(action, wanted),
    target === undefined ? undefined : or(eq(targetId, target), eq(targetName, target)),
    since && gte(auditEntries.at, since),
    until && lt(auditEntries.at, until),
  )
}
