import type { AttemptJson, TaskJson } from '../api/schemas/task.ts'
import { usageError } from './errors.ts'

export const ATTEMPT_OPTION = {
  attempt: { type: 'string', value: 'N', help: 'which attempt of the last turn, when it has several' },
} as const

export const REPOSITORY_OPTION = {
  repository: { type: 'string', value: 'NAME', help: 'which of several repositories (default: the first)' },
} as const

/** The attempts that count: those of the last turn. */
export function lastAttempts(task: TaskJson): AttemptJson[] {
  return task.turns.at(-1)?.attempts ?? []
}

/** The attempt that a person means: the named one, the only one, or the only one that succeeded. */
export function pickAttempt(task: TaskJson, wanted: string | undefined): AttemptJson {
  const attempts = lastAttempts(task)
  const numbers = attempts.map(({ n }) => n).join(', ')
  if (wanted !== undefined) {
    const named = attempts.find(({ n }) => String(n) === wanted)
    if (named === undefined) {
      throw usageError(
        `Cannot find attempt ${JSON.stringify(wanted)} of task ${task.id}: it has ${numbers}`,
        'attempt-not-found',
      )
    }
    return named
  }
  const succeeded = attempts.filter(({ state }) => state === 'succeeded')
  const only = attempts.length === 1 ? attempts[0] : succeeded.length === 1 ? succeeded[0] : undefined
  if (only === undefined) {
    throw usageError(`Cannot choose an attempt of task ${task.id}: it has ${numbers}. Name one with --attempt N`)
  }
  return only
}

/** What an attempt made of a repository: of the named one, or of the only or first one. */
export function pickChange(attempt: AttemptJson, name: string | undefined): Pick<AttemptJson, 'diff' | 'flagged'> {
  if (name === undefined) return attempt
  const named = attempt.changes?.find(({ repository }) => repository === name)
  if (named !== undefined) return { diff: named.stats, flagged: named.flagged }
  const names = attempt.changes?.map(({ repository }) => repository).join(', ')
  throw usageError(
    `Cannot find repository ${JSON.stringify(name)} in attempt ${attempt.n}: it has ${names ?? 'one, without a name'}`,
    'not-found',
  )
}

/** Whether an attempt changed anything, in whichever repository. */
export const isChanged = ({ diff, changes = [] }: AttemptJson): boolean =>
  [diff, ...changes.map(({ stats }) => stats)].some((stats) => (stats?.files ?? 0) > 0)

const ENDED: readonly string[] = ['succeeded', 'failed', 'cancelled']
export const hasEnded = ({ state }: { state: string }): boolean => ENDED.includes(state)
