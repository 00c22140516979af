// What a runner writes about an attempt it holds. Every statement carries the fence; a stale one hits no row.

import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { storable, storableJson } from '../storable.ts'
import { appendEvents, staleFence } from './append-events.ts'
import type { PatchedChange } from './changes.ts'
import type { StartRecord } from './start.ts'
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

/** Notes what the attempt starts from, and why. */
export async function recordStart(db: Db, fence: Fence, start: StartRecord): Promise<void> {
  await fenced(
    db,
    fence,
    sql`
    update attempts set start = ${storableJson(start)}::jsonb
    where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
  )
}

/** Notes which agent runs: version and hash of its program (R9). */
export async function recordAgentVersion(db: Db, fence: Fence, version: string): Promise<void> {
  await fenced(
    db,
    fence,
    sql`
    update attempts set agent_version = ${storable(version)}
    where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
  )
}

/** Tokens that an attempt has used so far, over all its sandboxes. */
export type TokenUsage = { inputTokens: number; outputTokens: number }

/** Notes what an attempt has used so far; figures only grow, so an old report changes nothing. */
export async function recordUsage(db: Db, fence: Fence, usage: TokenUsage): Promise<void> {
  const [input, output] = [usage.inputTokens, usage.outputTokens].map(wholeTokens)
  await fenced(
    db,
    fence,
    sql`
    update attempts set input_tokens = greatest(input_tokens, ${input}::bigint),
      output_tokens = greatest(output_tokens, ${output}::bigint)
    where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
  )
}

/** Providers say how much was used, so it may be anything. */
const wholeTokens = (count: number) =>
  Number.isFinite(count) ? Math.min(Math.max(0, Math.trunc(count)), Number.MAX_SAFE_INTEGER) : 0

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
  /** Of an attempt on several repositories: the changes of all, the first one's included. */
  changes?: readonly PatchedChange[]
  /** What follows without a person: nothing, a publishing that this runner goes on to do, or one held for a person. */
  publish: { state: 'none' | 'held' } | { state: 'pending'; mode: PublishMode; runnerId: string; leaseMs: number }
}

/** Ends a held attempt as `succeeded`, with its result, in one transaction. */
export async function succeed(db: Db, fence: Fence, result: AttemptResult): Promise<void> {
  const { change, publish } = result
  const pending = publish.state === 'pending' ? publish : undefined
  await db.transaction(async (tx) => {
    await appendEvents(tx, fence, [stateEvent(result.phase, { state: 'succeeded' })])
    if (change) await insertDiff(tx, fence, change)
    if (result.changes) await insertPatches(tx, fence, result.changes)
    await fenced(
      tx,
      fence,
      sql`
      update attempts set state = 'succeeded', finished_at = clock_timestamp(), lease_until = null,
        answer = ${result.answer}, tree = ${change?.tree ?? null}, commit = ${change?.commit ?? null},
        branch = ${change?.branch ?? null}, flagged = ${JSON.stringify(change?.flagged ?? [])}::jsonb,
        changes = ${withoutPatches(result.changes)}::jsonb,
        publish_state = ${publish.state}, publish_reason = ${publish.state === 'held' ? 'flagged-files' : null},
        publish_mode = ${pending?.mode ?? null}, publish_claim = ${pending ? 1 : 0},
        publish_runner_id = ${pending?.runnerId ?? null},
        publish_lease_until = clock_timestamp() + make_interval(secs => ${(pending?.leaseMs ?? 0) / 1000})
      where ${held(fence)} and state = 'collecting' returning id`,
    )
  })
}

/** How an attempt failed, and how far its change came, where that could still be collected. */
export type AttemptEnd = {
  phase: Phase
  reason: FailureReason
  message: string
  kept?: { patch: Buffer; stats: DiffStats; changes?: readonly PatchedChange[] }
}

/** Ends a held attempt as `failed`. What is kept of its change is for people to see: nothing publishes it. */
export async function fail(db: Db, fence: Fence, { phase, reason, message, kept }: AttemptEnd): Promise<void> {
  await db.transaction(async (tx) => {
    await appendEvents(tx, fence, [stateEvent(phase, { state: 'failed', reason, message })])
    if (kept) await insertDiff(tx, fence, kept)
    if (kept?.changes) await insertPatches(tx, fence, kept.changes)
    await fenced(
      tx,
      fence,
      sql`
      update attempts set state = 'failed', reason = ${reason}, message = ${storable(message)}, finished_at = clock_timestamp(),
        lease_until = null, changes = ${withoutPatches(kept?.changes)}::jsonb
      where ${held(fence)} and state in ('preparing', 'running', 'collecting') returning id`,
    )
  })
}

async function insertDiff(
  db: Writer,
  { attemptId }: Fence,
  { patch, stats }: { patch: Buffer; stats: DiffStats },
): Promise<void> {
  await db.execute(sql`
    insert into diffs (attempt_id, patch, files, additions, deletions)
    values (${attemptId}, ${patch}, ${stats.files}, ${stats.additions}, ${stats.deletions})`)
}

/** The patch of the first is the attempt's diff. */
async function insertPatches(db: Writer, { attemptId }: Fence, changes: readonly PatchedChange[]): Promise<void> {
  for (const { name, patch } of changes.slice(1)) {
    await db.execute(sql`insert into change_patches (attempt_id, name, patch) values (${attemptId}, ${name}, ${patch})`)
  }
}

const withoutPatches = (changes: readonly PatchedChange[] | undefined) =>
  storableJson((changes ?? []).map((change) => ({ ...change, patch: undefined })))

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
