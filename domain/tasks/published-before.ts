import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'

/** What a task has published, and a follow-up goes on from. */
export type PublishedBefore = {
  branch: string
  /** What was pushed last. */
  commit: string
  tree: string
  /** A later turn than the one that is asked for is on the branch: going back would lose that. */
  isPast: boolean
}

/** The nearest published attempt that an attempt goes on from, of the same repository; undefined when there is none. */
export async function publishedBefore(db: Executor, attemptId: string): Promise<PublishedBefore | undefined> {
  const [found] = await db.execute<{ branch: string; commit: string; tree: string; is_past: boolean }>(sql`
    with recursive own as (
      select a.task_id, a.repository_id, t.n, t.base_attempt_id from attempts a join turns t on t.id = a.turn_id
      where a.id = ${attemptId}
    ), chain as (
      select base_attempt_id as id, 1 as depth from own
      union all
      select t.base_attempt_id, chain.depth + 1 from chain
        join attempts a on a.id = chain.id join turns t on t.id = a.turn_id
    )
    select a.branch, a.commit, a.tree, exists (
      select from attempts later join turns t on t.id = later.turn_id
      where later.task_id = own.task_id and later.branch = a.branch and later.publish_state = 'published' and t.n > own.n
    ) as is_past
    from chain join attempts a on a.id = chain.id cross join own
    where a.task_id = own.task_id and a.repository_id = own.repository_id and a.publish_state = 'published'
      and a.commit is not null and a.branch is not null
    order by chain.depth limit 1`)
  return found && { branch: found.branch, commit: found.commit, tree: found.tree, isPast: found.is_past }
}
