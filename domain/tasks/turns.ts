// Follow-ups: a task goes on with another prompt, from what one attempt of an earlier turn made.

import { and, asc, desc, eq, inArray, isNotNull, isNull, or, sql } from 'drizzle-orm'
import { announce } from '../announce.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { assertKept } from '../retention/removed.ts'
import { attempts, diffs, environments, taskEventHeads, tasks, turns } from '../schema.ts'
import { changePatches } from '../schema/change-patches.ts'
import { agentSessions, turnImages } from '../schema/turns.ts'
import { OPEN_STATES } from './attempt.ts'
import type { PromptImage } from './images.ts'
import { insertImages, queuedTurn } from './queued-turn.ts'

export type NewTurn = {
  taskId: string
  /** Who asks; the attempt counts for that person. */
  userId: string
  prompt: string
  images?: readonly PromptImage[] | undefined
  /** The number of the attempt of the last turn to go on from; absent: the best one. */
  attempt?: number | undefined
}

/**
 * Queues one attempt of a new turn, with the agent, branch and environment of the task. Rejects with
 * `task-not-finished` while an attempt is open.
 */
export async function createTurn(db: Db, input: NewTurn): Promise<void> {
  const { taskId, userId, prompt, images = [] } = input
  await db.transaction(async (tx) => {
    // The head of the log is locked first everywhere: whoever ends an attempt has ended it, or has not begun.
    await tx
      .select({ taskId: taskEventHeads.taskId })
      .from(taskEventHeads)
      .where(eq(taskEventHeads.taskId, taskId))
      .for('update')
    const environmentId = await assertReady(tx, taskId)
    await assertKept(tx, { taskId, kinds: ['transcript', 'changes'], cannot: `Cannot go on with task "${taskId}"` })
    const n = await lastTurn(tx, taskId)
    const baseAttemptId = await findBase(tx, { taskId, n, wanted: input.attempt })
    const turn = {
      ...{ id: newId(), n: n + 1, prompt, attempts: 1, environmentId, userId, baseAttemptId },
      // Where nothing is left to go on from, the diff that was sent with the task still is.
      startingPatch: baseAttemptId === undefined ? await firstPatch(tx, taskId) : null,
    }
    await tx.execute(sql`
      with head as (
        update task_event_heads set last_seq = last_seq + ${turn.attempts} where task_id = ${taskId}
        returning task_id, last_seq
      ), ${queuedTurn(turn)}`)
    await insertImages(tx, turn.id, images)
  })
  announce(db, 'drydock_queue')
  announce(db, 'drydock_events', taskId)
}

/** Holds the environment, like a new task does, and looks for open attempts. */
async function assertReady(db: Executor, taskId: string): Promise<string> {
  const cannot = `Cannot go on with task "${taskId}":`
  const [task] = await db
    .select({ environmentId: environments.id })
    .from(tasks)
    .innerJoin(environments, eq(environments.id, tasks.environmentId))
    .where(and(eq(tasks.id, taskId), isNull(environments.deletedAt)))
    .for('key share', { of: environments })
  if (task === undefined) throw new DrydockError('environment-not-found', `${cannot} its environment was deleted`)
  const [open] = await db
    .select({ state: attempts.state })
    .from(attempts)
    .where(and(eq(attempts.taskId, taskId), inArray(attempts.state, [...OPEN_STATES])))
    .limit(1)
  if (open !== undefined) {
    throw new DrydockError('task-not-finished', `${cannot} it is ${open.state}. Wait for its end, or cancel it`)
  }
  return task.environmentId
}

async function lastTurn(db: Executor, taskId: string): Promise<number> {
  const [row] = await db
    .select({ n: sql<number>`max(${turns.n})::int` })
    .from(turns)
    .where(eq(turns.taskId, taskId))
  return row?.n ?? 0
}

async function firstPatch(db: Executor, taskId: string): Promise<Buffer | null> {
  const [row] = await db
    .select({ patch: turns.startingPatch })
    .from(turns)
    .where(and(eq(turns.taskId, taskId), eq(turns.n, 1)))
  return row?.patch ?? null
}

/** Also a failed attempt may have left its change and its conversation. */
const leftSomething = or(
  eq(attempts.state, 'succeeded'),
  isNotNull(attempts.tree),
  isNotNull(diffs.attemptId),
  isNotNull(agentSessions.attemptId),
)

type BaseQuestion = { taskId: string; n: number; wanted: number | undefined }

/**
 * The attempt that a follow-up goes on from: of the latest turn that left something, the one that was named, else one that
 * is published, else the first that succeeded, else the first that left something.
 */
async function findBase(db: Executor, { taskId, n, wanted }: BaseQuestion): Promise<string | undefined> {
  const left = await db
    .select({ id: attempts.id, n: attempts.n, turn: turns.n })
    .from(attempts)
    .innerJoin(turns, eq(turns.id, attempts.turnId))
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .leftJoin(agentSessions, eq(agentSessions.attemptId, attempts.id))
    .where(and(eq(attempts.taskId, taskId), leftSomething))
    .orderBy(
      desc(turns.n),
      desc(sql`(${attempts.publishState} = 'published')`),
      desc(sql`(${attempts.state} = 'succeeded')`),
      asc(attempts.n),
    )
  if (wanted === undefined) return left[0]?.id
  const named = left.find((attempt) => attempt.turn === n && attempt.n === wanted)
  if (named !== undefined) return named.id
  throw new DrydockError(
    'attempt-not-found',
    `Cannot go on from attempt ${wanted} of task "${taskId}": the last turn has none of that number that left something`,
  )
}

/** What a follow-up starts from. `tree` is that of the whole repository; `commit` is null where nothing was changed. */
export type PreviousAttempt = {
  id: string
  baseCommit: string | null
  tree: string | null
  commit: string | null
  branch: string | null
  repositoryId: string | null
  agentVersion: string | null
  patch: Buffer | null
  /** Where it worked on several repositories: what it left in each, the first included. */
  changes: EarlierChange[]
}

export type EarlierChange = { name: string; repositoryId: string; baseCommit: string; patch: Buffer | null }

/** The attempt that an attempt's turn goes on from; undefined in a first turn, or when none before left anything. */
export async function previousAttempt(db: Executor, attemptId: string): Promise<PreviousAttempt | undefined> {
  const [turn] = await db
    .select({ baseAttemptId: turns.baseAttemptId, taskId: turns.taskId })
    .from(attempts)
    .innerJoin(turns, eq(turns.id, attempts.turnId))
    .where(eq(attempts.id, attemptId))
  if (turn === undefined || turn.baseAttemptId === null) return undefined
  const [found] = await db
    .select({
      id: attempts.id,
      baseCommit: attempts.baseCommit,
      tree: attempts.tree,
      commit: attempts.commit,
      branch: attempts.branch,
      repositoryId: attempts.repositoryId,
      agentVersion: attempts.agentVersion,
      patch: diffs.patch,
      changes: attempts.changes,
    })
    .from(attempts)
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .where(and(eq(attempts.id, turn.baseAttemptId), eq(attempts.taskId, turn.taskId)))
  if (found === undefined || found.changes.length === 0) return found && { ...found, changes: [] }
  const patches = await db
    .select({ name: changePatches.name, patch: changePatches.patch })
    .from(changePatches)
    .where(eq(changePatches.attemptId, found.id))
  const changes = found.changes.map(({ name, repository, baseCommit }, i) => {
    const patch = i === 0 ? found.patch : (patches.find((each) => each.name === name)?.patch ?? null)
    return { name, repositoryId: repository.id, baseCommit, patch }
  })
  return { ...found, changes }
}

/** The pictures of a turn, in order. */
export async function readTurnImages(db: Executor, turnId: string): Promise<PromptImage[]> {
  return db
    .select({ mediaType: turnImages.mediaType, bytes: turnImages.bytes })
    .from(turnImages)
    .where(eq(turnImages.turnId, turnId))
    .orderBy(asc(turnImages.n))
}
