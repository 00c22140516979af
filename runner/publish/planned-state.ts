import type { FlaggedPath, PublishMode } from '../../domain/tasks/attempt.ts'
import { holdsSecret } from '../secrets/find-in-patch.ts'

type Rules = { publish: PublishMode; holdFlagged: boolean }

/** What follows a change without a person's word: nothing, a publishing, or one that a person must confirm. */
export function plannedState(
  { publish, holdFlagged }: Rules,
  { commit, flagged }: { commit: string | null; flagged: readonly FlaggedPath[] },
): 'none' | 'held' | 'pending' {
  if (commit === null || publish === 'manual') return 'none'
  return flagged.some((each) => holdFlagged || holdsSecret(each)) ? 'held' : 'pending'
}
