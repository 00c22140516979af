import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'

/** Those of the attempts that a person cancelled. */
export async function cancelledAmong(db: Db, attemptIds: readonly string[]): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    select a.id from attempts a
    join jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb) as asked(id) on asked.id = a.id
    where a.state = 'cancelled'`)
  return rows.map((row) => row.id)
}

/** The claims that are live in the database, as `attempt/claim`, among the attempts asked for. */
export async function liveClaims(db: Db, attemptIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.execute<{ id: string; claim: number }>(sql`
    select a.id, a.claim from attempts a
    join jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb) as asked(id) on asked.id = a.id
    where a.state in ('preparing', 'running', 'collecting')`)
  return new Set(rows.map((row) => `${row.id}/${row.claim}`))
}
