import { and, eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { environments, tasks, users } from '../schema.ts'
import type { AttemptStateName } from './attempt.ts'
import { headColumns } from './read.ts'
import type { TaskHead } from './read.ts'

// As the indexes have it: PostgreSQL matches their NULLS FIRST, the default of DESC, by the letter.
const NEWEST_FIRST = sql`created_at desc, id desc`
const CURSOR = /^(\d{1,16})\.([0-9a-z]{1,32})$/

export type TaskFilter = {
  /** Only the tasks of this person; absent for who sees all. */
  creatorId?: string | undefined
  environmentId?: string | undefined
  state?: AttemptStateName | undefined
}
export type TaskPage = { data: TaskHead[]; nextCursor: string | null }

/**
 * One page of tasks, newest first. A task keeps its place, so walking the cursors meets every task that was there at the
 * start exactly once, whatever is created meanwhile.
 */
export async function listTasks(
  db: Executor,
  filter: TaskFilter,
  page: { limit: number; cursor?: string | undefined },
): Promise<TaskPage> {
  const found = await pageQuery(db, filter, page)
  const rows = found.slice(0, page.limit)
  const last = rows.at(-1)
  const nextCursor = found.length > page.limit && last !== undefined ? encodeCursor(last) : null
  return { data: rows.map(({ head }) => head), nextCursor }
}

/** The statement behind a page, for EXPLAIN too. Asks for one row more, which says whether there is a next page. */
export function pageQuery(db: Executor, filter: TaskFilter, page: { limit: number; cursor?: string | undefined }) {
  const newest = db
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(...conditions(filter), after(page.cursor)))
    .orderBy(NEWEST_FIRST)
    .limit(page.limit + 1)
    .as('newest')
  return db
    .select({ head: headColumns, micros: sql<string>`(extract(epoch from ${tasks.createdAt}) * 1000000)::bigint` })
    .from(newest)
    .innerJoin(tasks, eq(tasks.id, newest.id))
    .innerJoin(environments, eq(environments.id, tasks.environmentId))
    .innerJoin(users, eq(users.id, tasks.creatorId))
    .orderBy(sql`${tasks.createdAt} desc, ${tasks.id} desc`)
}

function conditions({ creatorId, environmentId, state }: TaskFilter) {
  return [
    creatorId === undefined ? undefined : eq(tasks.creatorId, creatorId),
    environmentId === undefined ? undefined : eq(tasks.environmentId, environmentId),
    state === undefined ? undefined : eq(tasks.state, state),
  ]
}

function after(cursor: string | undefined) {
  if (cursor === undefined) return undefined
  const [, micros, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? []
  if (micros === undefined || id === undefined) {
    throw new DrydockError('invalid-request', 'Cannot list tasks: the cursor is not one that a page returned')
  }
  // Microseconds as a number of the epoch are exact in a double; the text form of a timestamp depends on the session.
  return sql`(created_at, id) < (timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond', ${id})`
}

function encodeCursor({ micros, head }: { micros: string; head: { id: string } }): string {
  return Buffer.from(`${micros}.${head.id}`, 'latin1').toString('base64url')
}
