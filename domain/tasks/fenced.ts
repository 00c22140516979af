// What a runner writes about an attempt it holds. Every statement carries the fence; a stale one hits no row.

import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable } from '../storable.ts'
import { appendEvents, staleFence } from './append-events.ts'
import type { DiffStats, FailureReason, Fence, FlaggedPath, Phase, PhaseTiming, PublishMode } from './attempt.ts'

type Writer = Pick<Db, 'execute'>

const held = (fence: Fence) => sql`id = ${fence.attemptId} and claim = ${fence.claim}`

/** Moves a held attempt on to `running` or `collecting`. */
export async function enterState(db: Db, fence: Fence, state: 'running' | 'collecting'): Promise<void> {
  const from = state === 'running' ? 'preparing' : 'running'
  await fenced(
    db,
    fence,
    sql`
    update attempts set state = ${state} where ${held(fence)} and state = ${from} returning id`,
  )
}

export type AttemptBase = { repositoryId: string; image: string; commit: string }

/** Notes what the attempt runs on: the repository, the image's digest and the commit it starts from. */
export async function recordBase(db: Db, fence: Fence, base: AttemptBase): Promise<void> {
  await fenced(
    db,
    fence,
    sql`
    update attempts set repository_id = ${base.repositoryId}, image = ${base.image}, base_commit = ${base.commit}
    where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
  )
}

/** Notes the duration of a phase that ended, in place of an earlier part of it. */
export async function recordPhase(db: Db, fence: Fence, timing: PhaseTiming): Promise<void> {
  await fenced(
    db,
    fence,
    sql`
    update attempts set
      phases = jsonb_path_query_array(phases, '$[*] ? (@.phase != $name)', jsonb_build_object('name', ${timing.phase}::text))
        || ${JSON.stringify([timing])}::jsonb
    where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
  )
}

/** What a finished attempt leaves. `patch` is there for Code attempts, also when it is empty. */
export type AttemptResult = {
  phase: Phase
  answer: string | null
  change?: {
    tree: string
    commit: string | null
    branch: string | null
    patch: Buffer
    stats: DiffStats
    flagged: FlaggedPath[]
  }
  /** What follows without a person: nothing, a publishing that this runner goes on to do, or one held for a person. */
  publish: { state: 'none' | 'held' } | { state: 'pending'; mode: PublishMode; runnerId: string; leaseMs: number }
}

/** Ends a held attempt as `succeeded`, with its result, in one transaction. */
export async function succeed(db: Db, fence: Fence, result: AttemptResult): Promise<void> {
  const { change, publish } = result
  const pending = publish.state === 'pending' ? publish : undefined
  await db.transaction(async (tx) => {
    await appendEvents(tx, fence, [stateEvent(result.phase, { state: 'succeeded' })])
    if (change) {
      await tx.execute(sql`
        insert into diffs (attempt_id, patch, files, additions, deletions)
        values (${fence.attemptId}, ${change.patch}, ${change.stats.files}, ${change.stats.additions}, ${change.stats.deletions})`)
    }
    await fenced(
      tx,
      fence,
      sql`
      update attempts set state = 'succeeded', finished_at = clock_timestamp(), lease_until = null,
        answer = ${result.answer}, tree = ${change?.tree ?? null}, commit = ${change?.commit ?? null},
        branch = ${change?.branch ?? null}, flagged = ${JSON.stringify(change?.flagged ?? [])}::jsonb,
        publish_state = ${publish.state}, publish_reason = ${publish.state === 'held' ? 'flagged-files' : null},
        publish_mode = ${pending?.mode ?? null}, publish_claim = ${pending ? 1 : 0},
        publish_runner_id = ${pending?.runnerId ?? null},
        publish_lease_until = clock_timestamp() + make_interval(secs => ${(pending?.leaseMs ?? 0) / 1000})
      where ${held(fence)} and state = 'collecting' returning id`,
    )
  })
}

/** Ends a held attempt as `failed`. A diff that exists already stays. */
export async function fail(
  db: Db,
  fence: Fence,
  failure: { phase: Phase; reason: FailureReason; message: string },
): Promise<void> {
  const { phase, reason, message } = failure
  await db.transaction(async (tx) => {
    await appendEvents(tx, fence, [stateEvent(phase, { state: 'failed', reason, message })])
    await fenced(
      tx,
      fence,
      sql`
      update attempts set state = 'failed', reason = ${reason}, message = ${storable(message)}, finished_at = clock_timestamp(),
        lease_until = null
      where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
    )
  })
}

const stateEvent = (phase: Phase, payload: Record<string, unknown>) => ({
  phase,
  kind: 'state',
  at: new Date(),
  payload,
})

async function fenced(db: Writer, fence: Fence, statement: ReturnType<typeof sql>): Promise<void> {
  const rows = await db.execute(statement)
  if (rows.length === 0) throw staleFence(fence)
}
