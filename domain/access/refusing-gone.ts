import { DrydockError } from '../errors.ts'
import { FOREIGN_KEY_VIOLATION, sqlState } from '../sql-state.ts'

/** Who gets something: they were there when they were looked up, and may be deleted before the statement that gives it. */
export async function refusingGone<T>(
  to: { userId: string } | { groupId: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (sqlState(error) !== FOREIGN_KEY_VIOLATION) throw error
    const [what, id] = 'userId' in to ? (['user', to.userId] as const) : (['group', to.groupId] as const)
    throw new DrydockError(`${what}-not-found`, `Cannot find ${what} "${id}": it was deleted just now`, {
      cause: error,
    })
  }
}
