import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'

const AT_ONCE = 1000

/**
 * Hands the trees of removed changes that a host may have in files to somebody who removes those, and forgets them. Trees that
 * another task has as well are kept for it: when that one goes, they are listed again.
 */
export async function releaseTrees(
  db: Db,
  { hostId, settledMs }: { hostId: string; settledMs: number },
  remove: (trees: ReadonlySet<string>) => Promise<void>,
): Promise<void> {
  const settled = sql`s.host_id = ${hostId} and s.at <= now() - make_interval(secs => ${settledMs / 1000})`
  const listed = await db.execute<{ tree: string }>(
    sql`select s.tree from stale_trees s where ${settled} order by s.at limit ${AT_ONCE}`,
  )
  if (listed.length === 0) return
  const trees = listed.map(({ tree }) => tree)
  const kept = await keptAmong(db, trees)
  await remove(new Set(trees.filter((tree) => !kept.has(tree))))
  const done = JSON.stringify(trees)
  await db.execute(sql`
    delete from stale_trees s where ${settled} and s.tree in (select value from jsonb_array_elements_text(${done}::jsonb))`)
}

/** Whether one of these objects is the tree of a change that some task has still. */
export const keepsAny = async (db: Db, ids: readonly string[]) => (await keptAmong(db, ids)).size > 0

async function keptAmong(db: Db, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const wanted = sql`(select value from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))`
  const rows = await db.execute<{ tree: string }>(sql`
    select a.tree from attempts a where a.tree in ${wanted} and ${isKept}
    union
    select c ->> 'tree' from attempts a cross join jsonb_array_elements(a.changes) c
    where a.changes <> '[]' and c ->> 'tree' in ${wanted} and ${isKept}`)
  return new Set(rows.map(({ tree }) => tree))
}

const isKept = sql`not exists (select from content_removals r where r.task_id = a.task_id and r.kind = 'changes')`
