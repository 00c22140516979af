// Who somebody is whom an issuer vouches for: issuer and subject, and nothing else (R23).

import { and, eq, inArray, sql } from 'drizzle-orm'
import { SERVER } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { groupTarget } from '../access/groups.ts'
import { foldEmail } from '../access/principal.ts'
import { userTarget } from '../access/users.ts'
import type { Named } from '../access/users.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { users } from '../schema.ts'
import { groupMembers, groups } from '../schema/access.ts'
import { identities } from '../schema/sign-in.ts'
import type { SignInProviderView } from './providers.ts'

/** What an issuer says of somebody. `email` is verified or absent; `groups` is what the group claim holds. */
export type Claims = { subject: string; name: string; email: string | undefined; groups: readonly string[] }
export type SignedIn = { userId: string; isNew: boolean }
type Provider = Pick<SignInProviderView, 'name' | 'issuer' | 'emailDomains' | 'defaultRole' | 'groups' | 'groupClaim'>

/**
 * Finds the person, or makes them, with the provider's role for new ones; and takes over what the issuer says of e-mail and
 * groups. Rejects with `sign-in-refused`, having changed nothing.
 */
export async function admitPerson(db: Db, provider: Provider, claims: Claims): Promise<SignedIn> {
  assertDomain(provider, claims)
  return db.transaction(async (tx) => {
    // Of two first sign-ins at once, the second finds the person whom the first made.
    const who = JSON.stringify([provider.issuer, claims.subject])
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${who}, 0))`)
    const known = await findPerson(tx, provider.issuer, claims.subject)
    if (known?.disabledAt) throw refused(provider, 'this account is disabled')
    const userId = known?.userId ?? (await makePerson(tx, provider, claims))
    if (known !== undefined) await noteSignIn(tx, { ...known, issuer: provider.issuer }, claims)
    const moves = provider.groupClaim === null ? [] : await synchroniseGroups(tx, userId, { provider, claims })
    await writeDown(tx, { userId, provider, claims, isNew: known === undefined, moves })
    return { userId, isNew: known === undefined }
  })
}

function assertDomain(provider: Provider, { email }: Claims): void {
  if (provider.emailDomains.length === 0) return
  if (email === undefined) throw refused(provider, 'it needs an e-mail address that the issuer has verified')
  const domain = foldEmail(email).split('@').at(-1) ?? ''
  if (!provider.emailDomains.includes(domain)) throw refused(provider, 'addresses of this domain are not let in')
}

/** Holds the person: who is disabled meanwhile is refused, or loses the session that comes of it. */
async function findPerson(db: Executor, issuer: string, subject: string) {
  const [row] = await db
    .select({ userId: users.id, disabledAt: users.disabledAt })
    .from(identities)
    .innerJoin(users, eq(users.id, identities.userId))
    .where(and(eq(identities.issuer, issuer), eq(identities.subject, subject)))
    .for('update', { of: users })
  return row
}

async function makePerson(db: Executor, { issuer, defaultRole }: Provider, claims: Claims): Promise<string> {
  const id = newId()
  const { subject, name, email } = claims
  const emailVerified = email !== undefined
  await db.insert(users).values({ id, name, email: email ?? '', emailVerified, kind: 'person', role: defaultRole })
  await db.insert(identities).values({ issuer, subject, userId: id })
  return id
}

/** An e-mail that the issuer does not vouch for any more says nothing of who they are. Their name is theirs to keep. */
async function noteSignIn(
  db: Executor,
  { userId, issuer }: { userId: string; issuer: string },
  { subject, email }: Claims,
): Promise<void> {
  const set = email === undefined ? { emailVerified: false } : { email, emailVerified: true }
  await db.update(users).set(set).where(eq(users.id, userId))
  await db
    .update(identities)
    .set({ lastSignInAt: sql`now()` })
    .where(and(eq(identities.issuer, issuer), eq(identities.subject, subject)))
}

/** Of the groups that the mapping names, the person is in those that the claim names. Others are left alone. */
async function synchroniseGroups(
  db: Executor,
  userId: string,
  { provider, claims }: { provider: Provider; claims: Claims },
): Promise<Move[]> {
  const moves: Move[] = []
  const wanted = new Set(provider.groups.filter(({ value }) => claims.groups.includes(value)).map((g) => g.groupId))
  const others = provider.groups.map(({ groupId }) => groupId).filter((groupId) => !wanted.has(groupId))
  if (others.length > 0) {
    const left = and(eq(groupMembers.userId, userId), inArray(groupMembers.groupId, others))
    const rows = await db.delete(groupMembers).where(left).returning({ groupId: groupMembers.groupId })
    moves.push(...rows.map(({ groupId }) => ({ action: 'group.remove-member' as const, groupId })))
  }
  if (wanted.size > 0) {
    const rows = [...wanted].map((groupId) => ({ groupId, userId }))
    const joined = await db.insert(groupMembers).values(rows).onConflictDoNothing().returning()
    moves.push(...joined.map(({ groupId }) => ({ action: 'group.add-member' as const, groupId })))
  }
  return moves
}

type Move = { action: 'group.add-member' | 'group.remove-member'; groupId: string }
type Admitted = { userId: string; provider: Provider; claims: Claims; isNew: boolean; moves: readonly Move[] }

/** The server does by itself what follows from an issuer's word, and says whose word it was. */
async function writeDown(tx: Transaction, { userId, provider, claims, isNew, moves }: Admitted): Promise<void> {
  if (!isNew && moves.length === 0) return
  const member = await findNamed(tx, users, userId)
  const said = { provider: provider.name, issuer: provider.issuer }
  if (isNew) {
    const after = { ...said, subject: claims.subject, role: provider.defaultRole }
    await recordAudit(tx, { by: SERVER, action: 'user.create', target: userTarget(member), after })
  }
  for (const { action, groupId } of moves) {
    const target = groupTarget(await findNamed(tx, groups, groupId))
    await recordAudit(tx, { by: SERVER, action, target, after: { ...said, member } })
  }
}

/** A row that the transaction holds, and its name. */
async function findNamed(tx: Transaction, table: typeof users | typeof groups, id: string): Promise<Named> {
  const [row] = await tx.select({ name: table.name }).from(table).where(eq(table.id, id))
  return { id, name: row?.name ?? '' }
}

const refused = ({ name }: Provider, state: string) =>
  new DrydockError('sign-in-refused', `Cannot sign in with "${name}": ${state}`)
