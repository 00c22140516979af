import { and, eq, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Viewer } from '../access/principal.ts'
import { mayUse } from '../access/relation.ts'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { environments, tasks, users } from '../schema.ts'
import type { AttemptStateName } from './attempt.ts'
import type { TaskHead } from './read.ts'
import { headColumns } from './task-row.ts'

// As the indexes have it: PostgreSQL matches their NULLS FIRST, the default of DESC, by the letter.
const NEWEST_FIRST = sql`created_at desc, id desc`
const CURSOR = /^(\d{1,16})\.([0-9a-z]{1,32})$/

export type TaskFilter = {
  /** Only the tasks of this person; absent for who sees all. */
  creatorId?: string | undefined
  /** Only the tasks of this person and those of environments that they may use. */
  seenBy?: Viewer | undefined
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
  const limit = page.limit + 1
  const wanted = and(...conditions(filter), after(page.cursor))
  const own = db.select({ id: tasks.id }).from(tasks).where(wanted).orderBy(NEWEST_FIRST).limit(limit).as('newest')
  return db
    .select({ head: headColumns, micros: sql<string>`(extract(epoch from ${tasks.createdAt}) * 1000000)::bigint` })
    .from(filter.seenBy ? newestSeenBy(filter.seenBy, { wanted, limit }) : own)
    .innerJoin(tasks, sql`${tasks.id} = newest.id`)
    .innerJoin(environments, eq(environments.id, tasks.environmentId))
    .innerJoin(users, eq(users.id, tasks.creatorId))
    .orderBy(sql`${tasks.createdAt} desc, ${tasks.id} desc`)
}

/**
 * The newest tasks of a person and of each environment that they may use: as many steps on an index for each as the page has
 * rows, however many tasks there are that they do not see.
 */
function newestSeenBy(viewer: Viewer, { wanted, limit }: { wanted: SQL | undefined; limit: number }): SQL {
  const also = wanted === undefined ? sql`` : sql`and ${wanted}`
  const newest = sql`order by ${NEWEST_FIRST} limit ${limit}`
  const usable = mayUse(viewer) ?? sql`true`
  return sql`(
    (select id, created_at from tasks where creator_id = ${viewer.userId} ${also} ${newest})
    union
    select t.id, t.created_at from environments cross join lateral (
      select id, created_at from tasks where environment_id = environments.id ${also} ${newest}
    ) t where ${usable}
    ${newest}
  ) newest`
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
