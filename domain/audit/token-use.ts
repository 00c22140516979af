import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import type { Actor, Target } from './actions.ts'
import { recordAudit } from './record.ts'

/** Says of a row of `api_tokens` whether its use was not written down for an hour: one look by the key of a small table. */
export const isUseDue = sql<boolean>`not exists (select from audit_token_uses u
  where u.token_id = api_tokens.id and u.at > now() - interval '1 hour')`

/** Writes the use of a service account's token down, of many at once only one. */
export async function recordTokenUse(db: Db, by: Actor, token: Target): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.execute(sql`
      insert into audit_token_uses as u (token_id, at) values (${token.id}, now())
      on conflict (token_id) do update set at = now() where u.at <= now() - interval '1 hour'
      returning 1`)
    if (rows.length > 0) await recordAudit(tx, { by, action: 'token.use', target: token })
  })
}
