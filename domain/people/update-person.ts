import type { Giver } from '../access/giving.ts'
import { updateUser } from '../access/users.ts'
import type { UserChange, UserView } from '../access/users.ts'
import type { Db } from '../db.ts'
import { cancelAttemptsOf } from '../tasks/cancel.ts'

/** Changes a person or service account as `updateUser` does. What somebody who is disabled has asked for is cancelled. */
export async function updatePerson(
  db: Db,
  giver: Giver,
  asked: { userId: string; change: UserChange },
): Promise<UserView> {
  const person = await updateUser(db, giver, asked)
  if (person.disabledAt !== null) await cancelAttemptsOf(db, person.id, giver)
  return person
}
