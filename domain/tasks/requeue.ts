// How attempts leave a runner without an end: handed back, given up, or taken from a runner that was lost.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable } from '../storable.ts'
import { appendEvent } from './append-events.ts'
import type { FailureReason, Fence, Phase } from './attempt.ts'

/** How often an attempt is queued again through a fault of ours before it fails. */
const MAX_REQUEUES = 2

const LIVE = sql`state in ('preparing', 'running', 'collecting')`

const RUNNER_LOST = {
  phase: 'queue' as const,
  reason: 'runner-lost' as const,
  message:
    "Cannot finish the attempt: its runner was lost three times. Look at the runner's log, then start the task again.",
}

type Failure = { phase: Phase; reason: FailureReason; message: string }

export type Requeued = { attemptId: string; taskId: string; state: 'queued' | 'failed' }

/** Puts a held attempt back in the queue: the runner stops, the attempt is not to blame. A stale fence changes nothing. */
export async function handBack(db: Db, fence: Fence): Promise<void> {
  await requeueOne(db, holds(fence), undefined)
  await wakeRunners(db)
}

/** Puts a held attempt back in the queue, counted: something of ours broke. After the second time it fails. */
export async function giveUp(db: Db, fence: Fence, failure: Failure): Promise<void> {
  await requeueOne(db, holds(fence), failure)
  await wakeRunners(db)
}

/** Takes attempts from runners whose lease ran out: queued again, or, after the second time, failed. */
export const reapExpired = (db: Db): Promise<Requeued[]> => reap(db, sql`lease_until < clock_timestamp()`)

/** Takes what an earlier process of this host left, without waiting for the leases. Only its successor may call this. */
export const reapHost = (db: Db, hostId: string): Promise<Requeued[]> =>
  reap(db, sql`starts_with(runner_id, ${`${hostId}/`})`)

async function reap(db: Db, condition: SQL): Promise<Requeued[]> {
  const reaped: Requeued[] = []
  // One attempt a transaction: the load rows are locked in pairs, and two pairs at once could wait for each other.
  for (;;) {
    const one = await requeueOne(db, condition, RUNNER_LOST)
    if (!one) break
    reaped.push(one)
  }
  if (reaped.length > 0) await wakeRunners(db)
  return reaped
}

/** Without a failure the attempt is not counted as lost. The event comes first: its lock comes first everywhere. */
async function requeueOne(db: Db, condition: SQL, failure: Failure | undefined): Promise<Requeued | undefined> {
  return db.transaction(async (tx) => {
    const [found] = await tx.execute<{ id: string; task_id: string; lost: number }>(sql`
      select id, task_id, lost from attempts where ${LIVE} and ${condition} limit 1 for update skip locked`)
    if (!found) return undefined
    const ends = failure !== undefined && found.lost >= MAX_REQUEUES ? failure : undefined
    const state = ends ? ('failed' as const) : ('queued' as const)
    const message = ends && storable(ends.message)
    await appendEvent(tx, found.id, {
      phase: failure?.phase ?? 'queue',
      kind: 'state',
      at: new Date(),
      payload: {
        state,
        ...(ends ? { reason: ends.reason, message } : { because: failure?.reason ?? 'runner-stopped' }),
      },
    })
    await tx.execute(sql`
      update attempts set state = ${state}, reason = ${ends?.reason ?? null}, message = ${message ?? null},
        finished_at = case when ${state} = 'failed' then clock_timestamp() end,
        lost = lost + ${failure ? 1 : 0}, runner_id = null, lease_until = null, phases = '[]', start = null,
        queued_at = clock_timestamp()
      where id = ${found.id}`)
    return { attemptId: found.id, taskId: found.task_id, state }
  })
}

const holds = ({ attemptId, claim }: Fence) => sql`id = ${attemptId} and claim = ${claim}`

async function wakeRunners(db: Db): Promise<void> {
  await db.execute(sql`select pg_notify('drydock_queue', '')`)
}
