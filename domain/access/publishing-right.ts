// Whether a person may publish what an attempt made, asked where there is no request of theirs any more (R25).

import { and, eq, isNull } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { users } from '../schema.ts'
import { decide } from './decide.ts'
import type { Need } from './decide.ts'
import { findFacts } from './facts.ts'
import { SCOPES } from './principal.ts'
import { principalOf } from './principal-row.ts'
import { principalColumns } from './rights.ts'

/** What it takes to publish an attempt, for who asks and for who is published for later. */
export const PUBLISH = {
  scope: 'write',
  permission: 'cloud.use',
  object: { of: 'attempt', to: 'continue' },
} as const satisfies Need

/**
 * Rejects with `push-refused` when a person may not publish an attempt any more: disabled, without the permission, or no user
 * of its environment. A change waits for hours, and rights do not.
 */
export async function assertStillMayPublish(
  db: Executor,
  { userId, attemptId }: { userId: string; attemptId: string },
): Promise<void> {
  const [row] = await db
    .select(principalColumns)
    .from(users)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
  if (row === undefined) throw refused('the account of who it is published for is disabled')
  // Nobody is there with a token: all that the person may do counts.
  const person = principalOf({ ...row, tokenId: '', scopes: SCOPES, limitedTo: null, expiresAt: null })
  const facts = await findFacts(db, person, { of: 'attempt', id: attemptId })
  if (decide(person, PUBLISH, facts) === 'allowed') return
  throw refused(`${JSON.stringify(row.name)} may not publish from this environment any more`)
}

const refused = (why: string) =>
  new DrydockError('push-refused', `Cannot publish: ${why}. Somebody who may can publish it`)
