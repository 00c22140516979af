import { and, eq, isNull, ne, or, sql } from 'drizzle-orm'
import { assertWithin } from '../access/giving.ts'
import type { Giver } from '../access/giving.ts'
import { foldEmail } from '../access/principal.ts'
import { findUser, lockOwners, userTarget } from '../access/users.ts'
import type { UserView } from '../access/users.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { apiTokens, users } from '../schema.ts'
import { environmentCollaborators, groupMembers, userRoles } from '../schema/access.ts'
import { deletedPeople } from '../schema/deleted-people.ts'
import { forgeLogins } from '../schema/forge-logins.ts'
import { identities, sessions } from '../schema/sign-in.ts'

/** Under which name what somebody did stays. */
export const pseudonym = (userId: string) => `Deleted person ${userId.slice(-8)}`

/**
 * Deletes a person or service account: who they are, what they sign in with and what they may do are gone when this resolves, and
 * `finishDeletions` takes the content of their tasks. Entries of the audit log keep the name that they were written with, since
 * it is part of the chain. Rejects with `last-owner` where nobody would be left who owns or administers the workspace.
 */
export async function deletePerson(db: Db, giver: Giver, userId: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOwners(tx)
    const person = await findUser(tx, userId)
    assertWithin(giver, person.role, person.permissions)
    await assertOthersStay(tx, person)
    const gone = await dropAccess(tx, person)
    const name = pseudonym(userId)
    await tx
      .update(users)
      .set({ name, email: '', emailVerified: false, role: 'viewer', disabledAt: sql`coalesce(disabled_at, now())` })
      .where(eq(users.id, userId))
    for (const column of ['reset_by', 'refresh_by'].map((each) => sql.raw(each))) {
      await tx.execute(sql`update cache_orders set ${column} = ${name} where ${column} = ${person.name}`)
    }
    await tx.insert(deletedPeople).values({ userId })
    const target = userTarget({ id: userId, name })
    // Whoever deletes their own account leaves no name behind in the entry about that, either.
    const by = giver.userId === userId ? { ...giver, name } : giver
    await recordAudit(tx, {
      by,
      action: 'user.delete',
      target,
      before: { kind: person.kind, role: person.role, ...gone },
    })
  })
}

/** Somebody else must be there to answer for the workspace: an owner for an owner, one of both for an administrator. */
async function assertOthersStay(tx: Executor, { id, role, kind, name }: UserView): Promise<void> {
  if (kind === 'service' || (role !== 'owner' && role !== 'admin')) return
  const enough = role === 'owner' ? eq(users.role, 'owner') : or(eq(users.role, 'owner'), eq(users.role, 'admin'))
  const [other] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(enough, ne(users.id, id), eq(users.kind, 'person'), isNull(users.disabledAt)))
    .limit(1)
  if (other) return
  const what = role === 'owner' ? 'owns' : 'administers'
  throw new DrydockError('last-owner', `Cannot delete "${name}": nobody else ${what} this workspace`)
}

/** Tokens take along the sessions that came of them; what is followed ends within seconds. */
async function dropAccess(tx: Executor, { id, email }: UserView) {
  await tx.delete(sessions).where(eq(sessions.userId, id))
  const tokens = await tx.delete(apiTokens).where(eq(apiTokens.userId, id)).returning({ id: apiTokens.id })
  await tx.delete(identities).where(eq(identities.userId, id))
  await tx.delete(forgeLogins).where(eq(forgeLogins.userId, id))
  await tx.delete(groupMembers).where(eq(groupMembers.userId, id))
  await tx.delete(userRoles).where(eq(userRoles.userId, id))
  if (email !== '') await dropInvitations(tx, { id, email })
  return { tokens: tokens.length }
}

/** The e-mail of a collaborator is theirs, unless somebody else has the same. */
async function dropInvitations(tx: Executor, { id, email }: Pick<UserView, 'id' | 'email'>): Promise<void> {
  const folded = foldEmail(email)
  const all = await tx.select({ email: users.email }).from(users).where(ne(users.id, id))
  if (all.some((other) => foldEmail(other.email) === folded)) return
  await tx.delete(environmentCollaborators).where(eq(environmentCollaborators.email, folded))
}
