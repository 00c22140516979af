import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'

/** What a task has published of a repository, and a follow-up goes on from. */
export type PublishedBefore = {
  branch: string
  /** What was pushed last. */
  commit: string
  tree: string
  /** A later turn than the one that is asked for is on the branch: going back would lose that. */
  isPast: boolean
}

/**
 * The nearest published change of a repository that an attempt goes on from; undefined when there is none. Turns may have
 * worked on that repository alone or beside others.
 */
export async function publishedBefore(
  db: Executor,
  { attemptId, repositoryId }: { attemptId: string; repositoryId: string },
): Promise<PublishedBefore | undefined> {
  const [found] = await db.execute<{ branch: string; commit: string; tree: string; is_past: boolean }>(sql`
    with recursive own as (
      select a.task_id, t.n, t.base_attempt_id from attempts a join turns t on t.id = a.turn_id
      where a.id = ${attemptId}
    ), chain as (
      select base_attempt_id as id, 1 as depth from own
      union all
      select t.base_attempt_id, chain.depth + 1 from chain
        join attempts a on a.id = chain.id join turns t on t.id = a.turn_id
    ), published as (
      select a.id, t.n, change.branch, change.commit, change.tree
      from own join attempts a on a.task_id = own.task_id join turns t on t.id = a.turn_id
      cross join lateral (
        select a.repository_id, a.publish_state, a.branch, a.commit, a.tree where a.changes = '[]'::jsonb
        union all
        select each #>> '{repository,id}', each #>> '{publish,state}', each ->> 'branch', each ->> 'commit', each ->> 'tree'
        from jsonb_array_elements(a.changes) as each
      ) as change (repository_id, state, branch, commit, tree)
      where change.repository_id = ${repositoryId} and change.state = 'published'
        and change.commit is not null and change.branch is not null
    )
    select before.branch, before.commit, before.tree, exists (
      select from published later where later.branch = before.branch and later.n > own.n
    ) as is_past
    from chain join published before on before.id = chain.id cross join own
    order by chain.depth limit 1`)
  return found && { branch: found.branch, commit: found.commit, tree: found.tree, isPast: found.is_past }
}
