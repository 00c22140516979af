import { sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db } from '../db.ts'
import { open, seal, sealedWith } from './seal.ts'
import type { Keyring } from './keyring.ts'

/** Every column that holds sealed values. */
export const SEALED_COLUMNS = [
  { table: 'key_canary', row: 'id', column: 'sealed_text' },
  { table: 'model_providers', row: 'id', column: 'sealed_key' },
  { table: 'credentials', row: 'id', column: 'sealed_value' },
  { table: 'environment_secrets', row: 'id', column: 'sealed_value' },
  { table: 'sign_in_providers', row: 'id', column: 'sealed_secret' },
  { table: 'agent_sessions', row: 'attempt_id', column: 'sealed_archive' },
] as const

export type Rewrapped = { rewrapped: number; kept: number }

/**
 * Seals everything anew that is not sealed with the current key. One value at a time: what is written meanwhile stays.
 * Rejects with `key-unavailable` at a value that no key opens; what was done until then holds. Again is harmless.
 */
export async function rewrapAll(db: Db, keyring: Keyring, by: Actor): Promise<Rewrapped> {
  const done = { rewrapped: 0, kept: 0 }
  const { current } = keyring
  // Said before: each value is a transaction of its own, and what is done until a failure holds.
  const target = { kind: 'key', id: current.id, name: current.id }
  await db.transaction((tx) => recordAudit(tx, { by, action: 'keys.rewrap', target }))
  for (const { table, row, column } of SEALED_COLUMNS) {
    const rows = await db.execute<{ id: string; stale: boolean }>(sql`
      select ${sql.raw(row)} as id, encode(substring(${sql.raw(column)} from 2 for 8), 'hex') <> ${current.id} as stale
      from ${sql.raw(table)} where ${sql.raw(column)} is not null`)
    for (const { id, stale } of rows) {
      if (stale && (await rewrapOne(db, keyring, { table, idColumn: row, column, id }))) done.rewrapped += 1
      else done.kept += 1
    }
  }
  return done
}

type Cell = { table: string; idColumn: string; column: string; id: string }

async function rewrapOne(db: Pick<Db, 'execute'>, keyring: Keyring, cell: Cell): Promise<boolean> {
  const { table, idColumn, column, id } = cell
  const [found] = await db.execute<{ bytes: Buffer | null }>(
    sql`select ${sql.raw(column)} as bytes from ${sql.raw(table)} where ${sql.raw(idColumn)} = ${id}`,
  )
  const bytes = found?.bytes
  if (!bytes || sealedWith(bytes) === keyring.current.id) return false
  const place = { table, row: id, column }
  const fresh = seal(keyring, open(keyring, bytes, place), place).bytes
  const rows = await db.execute(sql`
    update ${sql.raw(table)} set ${sql.raw(column)} = ${fresh}
    where ${sql.raw(idColumn)} = ${id} and ${sql.raw(column)} = ${bytes} returning 1`)
  return rows.length > 0
}
