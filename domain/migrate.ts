import { sql } from 'drizzle-orm'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import type { Database } from './db.ts'

// Any number that nothing else in this database uses as an advisory lock.
const MIGRATION_LOCK = 7_270_001

/** Applies the migrations of a folder under an advisory lock. Expects a pool of one connection: the lock is the session's. */
export async function migrate({ db }: Pick<Database, 'db'>, folder: string): Promise<void> {
  await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`)
  try {
    await applyMigrations(db, { migrationsFolder: folder })
  } finally {
    await db.execute(sql`select pg_advisory_unlock(${MIGRATION_LOCK})`)
  }
}
