import { and, eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { ledgerSummaries } from '../ledger/summary.ts'
import type { LedgerSummary } from '../ledger/summary.ts'
import type { ContentRemoval } from '../retention/removed.ts'
import { attempts, diffs, tasks } from '../schema.ts'
import { changePatches } from '../schema/change-patches.ts'
import type { RepositoryChange } from './changes.ts'
import type { StartRecord } from './start.ts'
import type { AttemptStateName, DiffStats, FlaggedPath, PhaseTiming, PublishState, TaskMode } from './attempt.ts'
import { findTaskRow } from './task-row.ts'
import type { AttemptRow, TaskRow } from './task-row.ts'

const SECOND = 1000

export type TaskHead = {
  id: string
  title: string
  mode: TaskMode
  environment: string
  environmentName: string
  product: string
  creator: string
  creatorName: string
  state: AttemptStateName
  createdAt: Date
}

/** What people see of one of several repositories; `repository` is its folder. */
export type ChangeView = Pick<
  RepositoryChange,
  'branch' | 'commit' | 'stats' | 'flagged' | 'publish' | 'pullRequest' | 'baseBranch' | 'baseCommit'
> & { repository: string; address: string }

export type AttemptView = {
  id: string
  n: number
  state: AttemptStateName
  reason: string | null
  message: string | null
  phases: PhaseTiming[]
  answer: string | null
  diff: DiffStats | null
  flagged: FlaggedPath[]
  branch: string | null
  commit: string | null
  pullRequest: { number: number; url: string } | null
  publish: { state: PublishState; reason: string | null }
  /** Where it worked on several repositories: each of them, the first included. */
  changes?: ChangeView[]
  usage: { inputTokens: number; outputTokens: number; seconds: number }
  agentVersion: string | null
  /** What it asked of the network; null: nothing. */
  network: LedgerSummary | null
  /** From what it was started, and why; null before that. */
  start: StartRecord | null
  startedAt: Date | null
  finishedAt: Date | null
}

/** `images` is their number. */
export type TurnView = { id: string; prompt: string; images: number; attempts: AttemptView[] }
export type TaskView = TaskHead & {
  branch: string | null
  agent: string
  turns: TurnView[]
  /** Absent while all of it is there. */
  removed?: ContentRemoval[]
}

/** A task with everything that its page shows, or nothing when there is none. */
export async function readTask(db: Executor, taskId: string): Promise<TaskView | undefined> {
  const row = await findTaskRow(db, taskId)
  return row && taskView(db, row)
}

/** What a page shows of a row. Hosts are looked up only where something was asked of the network. */
export async function taskView(db: Executor, { turns, removed, ...head }: TaskRow): Promise<TaskView> {
  const networks = await ledgerSummaries(
    db,
    turns.flatMap((turn) => turn.attempts.flatMap(({ network }) => network ?? [])),
  )
  const withAttempts = turns.map(({ id, prompt, images, attempts }) => ({
    ...{ id, prompt, images },
    attempts: attempts.map((row) => attemptView(row, networks.get(row.id) ?? null)),
  }))
  const gone = removed.map(({ at, ...removal }) => ({ ...removal, at: new Date(at) }))
  return { ...head, turns: withAttempts, ...(gone.length > 0 && { removed: gone }) }
}

function attemptView({ diff, pullRequest, ...attempt }: AttemptRow, network: LedgerSummary | null): AttemptView {
  const { id, n, state, reason, message, phases, answer, flagged, branch, commit, agentVersion } = attempt
  const { changes, start } = attempt
  const [startedAt, finishedAt] = [dateOf(attempt.startedAt), dateOf(attempt.finishedAt)]
  return {
    id,
    n,
    state,
    reason,
    message,
    phases,
    answer,
    diff,
    flagged,
    branch,
    commit,
    pullRequest,
    publish: { state: attempt.publishState, reason: attempt.publishReason },
    ...(changes.length > 0 && { changes: changes.map(changeView) }),
    usage: {
      inputTokens: attempt.inputTokens,
      outputTokens: attempt.outputTokens,
      seconds: secondsBetween(startedAt, finishedAt),
    },
    agentVersion,
    network,
    start,
    startedAt,
    finishedAt,
  }
}

const dateOf = (text: string | null) => (text === null ? null : new Date(text))

function changeView({ name, repository, ...change }: RepositoryChange): ChangeView {
  const { branch, commit, stats, flagged, publish, pullRequest, baseBranch, baseCommit } = change
  return {
    ...{ repository: name, address: repository.address, baseBranch, baseCommit },
    ...{ branch, commit, stats, flagged, publish, pullRequest },
  }
}

function secondsBetween(startedAt: Date | null, finishedAt: Date | null): number {
  if (startedAt === null) return 0
  return Math.max(0, Math.round(((finishedAt ?? new Date()).getTime() - startedAt.getTime()) / SECOND))
}

/** The patch of an attempt as bytes; none when the attempt made no diff (yet). */
export async function readPatch(db: Executor, attemptId: string): Promise<Buffer | undefined> {
  const [row] = await db.select({ patch: diffs.patch }).from(diffs).where(eq(diffs.attemptId, attemptId))
  return row?.patch
}

/** The patch of one of the repositories of an attempt, by its folder; none when the attempt has no such repository. */
export async function readRepositoryPatch(
  db: Executor,
  { attemptId, name }: { attemptId: string; name: string },
): Promise<Buffer | undefined> {
  const isFirst = sql`${attempts.changes}->0->>'name' = ${name}`
  const [row] = await db
    .select({ patch: sql<Buffer | null>`case when ${isFirst} then ${diffs.patch} else ${changePatches.patch} end` })
    .from(attempts)
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .leftJoin(changePatches, and(eq(changePatches.attemptId, attempts.id), eq(changePatches.name, name)))
    .where(eq(attempts.id, attemptId))
  return row?.patch ?? undefined
}

/** The state of an attempt, its changes and the mode of its task. */
export async function readAttemptState(db: Executor, attemptId: string) {
  const [row] = await db
    .select({ state: attempts.state, mode: tasks.mode, changes: attempts.changes })
    .from(attempts)
    .innerJoin(tasks, eq(tasks.id, attempts.taskId))
    .where(eq(attempts.id, attemptId))
  return row
}
