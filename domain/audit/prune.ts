import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { readSettings } from '../settings/settings.ts'
import { AUDIT_LOG, SERVER } from './actions.ts'
import { recordAudit } from './record.ts'

/** Whoever records waits meanwhile. */
const AT_ONCE = 5000

/**
 * Removes what is older than the workspace keeps, the oldest first, and says so in the log. The number and hash of the last
 * one removed stay, as the anchor of the chain. Answers with how many went.
 */
export async function pruneAudit(db: Db): Promise<number> {
  const { auditRetentionDays: days } = await readSettings(db)
  if (days === null) return 0
  let removed = 0
  let batch: number
  do removed += batch = await pruneSome(db)
  while (batch === AT_ONCE)
  return removed
}

/** The database itself reads the setting: nobody removes more than it says without changing it, which is an entry, too. */
async function pruneSome(db: Db): Promise<number> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute<{ removed: number; seq: string; hash: string }>(
      sql`select removed, seq, encode(hash, 'hex') as hash from audit_prune(${AT_ONCE}::integer)`,
    )
    if (row === undefined || row.removed === 0) return 0
    const { removed, seq, hash } = row
    await recordAudit(tx, {
      by: SERVER,
      action: 'audit.prune',
      target: AUDIT_LOG,
      after: { removed, seq: Number(seq), hash },
    })
    return removed
  })
}
