import { sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import type { Db } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { appendEvent } from './append-events.ts'
import type { Phase } from './attempt.ts'
import { cancelPublishings } from './publishing.ts'

/**
 * Cancels every open attempt of a task at once, whatever its runner is doing: the runner's fenced writes hit no row from
 * here on, and a notification tells it to end the container. What finished attempts are publishing ends, too: nothing more
 * leaves the host. Cancelling a cancelled task again changes nothing.
 */
export async function cancelTask(db: Db, taskId: string, by: Actor): Promise<void> {
  await db.transaction(async (tx) => {
    const cancelled = await tx.execute<{ id: string; phase: Phase }>(sql`
      with target as (
        select id, state from attempts
        where task_id = ${taskId} and state in ('queued', 'preparing', 'running', 'collecting')
        order by id for update
      )
      update attempts a
      set state = 'cancelled', cancel_requested_at = now(), finished_at = now(), lease_until = null
      from target where a.id = target.id
      returning a.id, case target.state
        when 'queued' then 'queue' when 'preparing' then 'sandbox' when 'running' then 'agent' else 'collect' end as phase`)
    const published = await cancelPublishings(tx, taskId)
    if (cancelled.length === 0 && published.length === 0) {
      await assertCancelled(tx, taskId)
      return
    }
    for (const { id, phase } of cancelled) {
      await appendEvent(tx, id, { phase, kind: 'state', at: new Date(), payload: { state: 'cancelled' } })
      await tx.execute(sql`select pg_notify('drydock_cancel', ${id})`)
    }
    await recordOfOther(tx, taskId, by)
  })
}

/** People's own tasks are theirs to cancel; that somebody else did is written down. */
async function recordOfOther(tx: Transaction, taskId: string, by: Actor): Promise<void> {
  const [task] = await tx.execute<{ title: string; creator_id: string }>(
    sql`select title, creator_id from tasks where id = ${taskId}`,
  )
  if (task === undefined || task.creator_id === by.userId) return
  const target = { kind: 'task', id: taskId, name: task.title }
  await recordAudit(tx, { by, action: 'task.cancel', target, before: { creatorId: task.creator_id } })
}

async function assertCancelled(db: Pick<Db, 'execute'>, taskId: string): Promise<void> {
  const [task] = await db.execute<{ state: string }>(sql`select state from tasks where id = ${taskId}`)
  if (task === undefined)
    throw new DrydockError('task-not-found', `Cannot cancel task "${taskId}": there is no such task`)
  if (task.state !== 'cancelled') {
    throw new DrydockError('task-already-finished', `Cannot cancel task "${taskId}": it has ${task.state} already`)
  }
}
