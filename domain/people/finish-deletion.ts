import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { hasCode } from '../errors.ts'
import { eraseMarked } from '../retention/erase.ts'
import { CONTENT_KINDS } from '../retention/kinds.ts'
import { markAll } from '../retention/mark.ts'
import { cancelTask } from '../tasks/cancel.ts'

/**
 * Ends the tasks of deleted people and removes what is in them, also of one that was asked for at that very moment. Goes on
 * where an earlier process ended; again is harmless.
 */
export async function finishDeletions(db: Db): Promise<void> {
  const left = await db.execute<{ user_id: string; name: string }>(sql`
    select d.user_id, u.name from deleted_people d join users u on u.id = d.user_id
    where d.done_at is null or exists (
      select from tasks t where t.creator_id = d.user_id and t.created_at >= d.at and not exists (
        select from content_removals r where r.task_id = t.id and r.kind = 'transcript'))`)
  for (const { user_id: userId, name } of left) await finish(db, { userId, name })
}

type Deleted = { userId: string; name: string }

async function finish(db: Db, { userId, name }: Deleted): Promise<void> {
  const open = await db.execute<{ id: string }>(sql`
    select distinct t.id from tasks t join attempts a on a.task_id = t.id
    where t.creator_id = ${userId}
      and (a.state not in ('succeeded', 'failed', 'cancelled') or a.publish_state = 'pending')`)
  for (const { id } of open) {
    // In their own name: the deletion is the act that is written down, and a title must not come into the audit log by it.
    await cancelTask(db, id, { userId, name }).catch((error: unknown) => {
      if (!hasCode(error, 'task-already-finished')) throw error
    })
  }
  for (const kind of CONTENT_KINDS) {
    const where = sql`t.creator_id = ${userId}`
    await markAll(db, { kind, why: 'person-deleted', after: null, where, audited: false })
  }
  await eraseMarked(db)
  await db.execute(sql`
    update deleted_people set done_at = now() where user_id = ${userId} and not exists (
      select from tasks t where t.creator_id = ${userId} and (
        select count(*) from content_removals r where r.task_id = t.id and r.done_at is not null
      ) < ${CONTENT_KINDS.length}::int)`)
}
