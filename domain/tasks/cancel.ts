import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { SERVER } from '../audit/actions.ts'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import type { Db } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { appendEvent } from './append-events.ts'
import { OPEN_STATES } from './attempt.ts'
import type { Phase } from './attempt.ts'
import { cancelPublishings } from './publishing.ts'

const isOpen = sql.raw(`state in (${OPEN_STATES.map((state) => `'${state}'`).join(', ')})`)

/**
 * Cancels every open attempt of a task at once, whatever its runner is doing: the runner's fenced writes hit no row from
 * here on, and a notification tells it to end the container. What finished attempts are publishing ends, too: nothing more
 * leaves the host. Cancelling a cancelled task again changes nothing.
 */
export async function cancelTask(db: Db, taskId: string, by: Actor): Promise<void> {
  await db.transaction(async (tx) => {
    const cancelled = await cancelOpen(tx, sql`task_id = ${taskId}`)
    const published = await cancelPublishings(tx, taskId)
    if (cancelled.length === 0 && published.length === 0) {
      await assertCancelled(tx, taskId)
      return
    }
    await recordOfOther(tx, taskId, by)
  })
}

/** Cancels everything open that somebody asked for, in whosever tasks: who is kept out has nothing run on. */
export async function cancelAttemptsOf(db: Db, userId: string, by: Actor): Promise<void> {
  const open = await db.execute<{ taskId: string }>(sql`
    select distinct task_id as "taskId" from attempts
    where user_id = ${userId} and ${isOpen}`)
  // A task a transaction: what counts the load of users and environments is locked in pairs.
  for (const { taskId } of open) {
    await db.transaction(async (tx) => {
      const cancelled = await cancelOpen(tx, sql`task_id = ${taskId} and user_id = ${userId}`)
      if (cancelled.length > 0) await recordOfOther(tx, taskId, by)
    })
  }
}

/** The same of everybody who is disabled: for what was asked for at that very moment, and where a process ended before it had done. */
export async function cancelAttemptsOfDisabled(db: Db): Promise<void> {
  // What people have open is counted: that is a look at few rows, however many attempts there ever were.
  const left = await db.execute<{ id: string }>(sql`
    select u.id from user_load l join users u on u.id = l.user_id
    where l.queued + l.running > 0 and u.disabled_at is not null`)
  for (const { id } of left) await cancelAttemptsOf(db, id, SERVER)
}

async function cancelOpen(tx: Transaction, which: SQL) {
  const cancelled = await tx.execute<{ id: string; phase: Phase }>(sql`
    with target as (
      select id, state from attempts
      where ${which} and ${isOpen}
      order by id for update
    )
    update attempts a
    set state = 'cancelled', cancel_requested_at = now(), finished_at = now(), lease_until = null
    from target where a.id = target.id
    returning a.id, case target.state
      when 'queued' then 'queue' when 'preparing' then 'sandbox' when 'running' then 'agent' else 'collect' end as phase`)
  for (const { id, phase } of cancelled) {
    await appendEvent(tx, id, { phase, kind: 'state', at: new Date(), payload: { state: 'cancelled' } })
    await tx.execute(sql`select pg_notify('drydock_cancel', ${id})`)
  }
  return cancelled
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
