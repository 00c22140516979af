import type { PreviousAttempt } from '../domain/tasks/turns.ts'
import { AttemptFailure } from './failure.ts'

/** What an earlier turn of the task left: the commit it started from, and its change as a patch; of each repository. */
export type EarlierTurn = Pick<PreviousAttempt, 'repositoryId' | 'baseCommit' | 'patch' | 'changes'>

type Left = Pick<EarlierTurn, 'repositoryId' | 'baseCommit' | 'patch'>

/** What an earlier turn left in one repository. */
export function leftIn(earlier: EarlierTurn | undefined, { id }: { id: string }): Left | undefined {
  return earlier && leftOf(earlier).find(({ repositoryId }) => repositoryId === id)
}

/** Rejects where an earlier turn changed a repository that is not among these: that change would be lost. */
export function assertNothingLost(earlier: EarlierTurn, repositories: readonly { id: string }[]): void {
  const lost = leftOf(earlier).some(
    ({ patch, repositoryId }) => patch && patch.length > 0 && !repositories.some(({ id }) => id === repositoryId),
  )
  if (!lost) return
  throw new AttemptFailure(
    'checkout-failed',
    'Cannot go on from the turn before: it changed a repository that the environment does not have any more. Add it again, or start a new task.',
  )
}

const leftOf = ({ changes, ...only }: EarlierTurn): readonly Left[] => (changes.length > 0 ? changes : [only])
