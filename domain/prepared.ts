import type { Executor } from './db.ts'

const STATEMENTS = new WeakMap<Executor, Map<string, unknown>>()

/**
 * A statement that is put together once for a pool or a transaction, and then only carried out: on the paths of every
 * request, drizzle takes longer to write the text of a statement than the database to answer it. The name tells statements
 * apart; what differs between requests is a placeholder.
 */
export function prepared<S>(db: Executor, name: string, build: (db: Executor) => S): S {
  const known = STATEMENTS.get(db) ?? new Map<string, unknown>()
  STATEMENTS.set(db, known)
  const found = known.get(name) as S | undefined
  if (found !== undefined) return found
  const statement = build(db)
  known.set(name, statement)
  return statement
}
