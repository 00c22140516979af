import type { AttemptStateName } from '../../domain/tasks/attempt.ts'
import type { AttemptHead } from '../../domain/tasks/last-attempts.ts'
import type { TaskHead } from '../../domain/tasks/read.ts'
import type { CodexStatusJson } from './response.ts'

/** Our states as the CLI knows them: it shows READY for completed, ERROR for failed and cancelled, PENDING for the rest. */
export const TURN_STATUS = {
  queued: 'pending',
  preparing: 'in_progress',
  running: 'in_progress',
  collecting: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<AttemptStateName, string>

/** The attempt that stands for its turn, where the CLI asks for one: the first that succeeded, else the first. */
export function currentOf<A extends { state: AttemptStateName }>(attempts: readonly A[]): A {
  const current = attempts.find(({ state }) => state === 'succeeded') ?? attempts[0]
  if (current === undefined) throw new Error('a turn without an attempt')
  return current
}

/** How a task stands, by the attempts of its last turn. */
export function statusOf(
  { state, environmentName }: Pick<TaskHead, 'state' | 'environmentName'>,
  attempts: readonly AttemptHead[],
): CodexStatusJson {
  const current = currentOf(attempts)
  const { files = 0, additions = 0, deletions = 0 } = current.diff ?? {}
  return {
    environment_label: environmentName,
    latest_turn_status_display: {
      turn_status: TURN_STATUS[state],
      updated_at: secondsOf(updatedAt(attempts)),
      diff_stats: { files_modified: files, lines_added: additions, lines_removed: deletions },
      sibling_turn_ids: attempts.filter(({ id }) => id !== current.id).map(({ id }) => id),
    },
  }
}

/** When anything last happened to one of the attempts. */
export function updatedAt(attempts: readonly AttemptHead[]): Date {
  const times = attempts.map(({ createdAt, startedAt, finishedAt }) => (finishedAt ?? startedAt ?? createdAt).getTime())
  return new Date(Math.max(...times))
}

export const secondsOf = (date: Date): number => date.getTime() / 1000
