import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { attempts, diffs, turns } from '../schema.ts'
import type { AttemptStateName, DiffStats } from './attempt.ts'

/** What a list says of an attempt. */
export type AttemptHead = {
  id: string
  n: number
  state: AttemptStateName
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  diff: DiffStats | null
}

const isLast = sql`${turns.n} = (select max(later.n) from ${turns} later where later.task_id = ${turns.taskId})`

/** The attempts of the last turn of each of these tasks, in order. */
export async function readLastAttempts(db: Executor, taskIds: readonly string[]): Promise<Map<string, AttemptHead[]>> {
  if (taskIds.length === 0) return new Map()
  const rows = await db
    .select({
      taskId: attempts.taskId,
      head: {
        id: attempts.id,
        n: attempts.n,
        state: attempts.state,
        createdAt: attempts.createdAt,
        startedAt: attempts.startedAt,
        finishedAt: attempts.finishedAt,
      },
      diff: { files: diffs.files, additions: diffs.additions, deletions: diffs.deletions },
    })
    .from(attempts)
    .innerJoin(turns, eq(turns.id, attempts.turnId))
    .leftJoin(diffs, eq(diffs.attemptId, attempts.id))
    .where(and(inArray(turns.taskId, [...taskIds]), isLast))
    .orderBy(asc(attempts.n))
  const found = new Map<string, AttemptHead[]>()
  for (const { taskId, head, diff } of rows) found.set(taskId, [...(found.get(taskId) ?? []), { ...head, diff }])
  return found
}
