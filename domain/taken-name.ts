import { DrydockError } from './errors.ts'
import { UNIQUE_VIOLATION, sqlState } from './sql-state.ts'

/** Writes something under a name that only one may have. Rejects with `name-taken`, which says nothing of who has it. */
export async function refusingTakenName<T>(named: { what: string; name: string }, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error
    const text = `Cannot save ${named.what}: the name "${named.name}" is taken`
    throw new DrydockError('name-taken', text, { cause: error })
  }
}
