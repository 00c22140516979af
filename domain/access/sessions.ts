// A session is a browser that somebody signed in with: until it was idle for too long, is too old, or is ended.

import { and, desc, eq, isNull, or, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { apiTokens, users } from '../schema.ts'
import { sessions, signInProviders } from '../schema/sign-in.ts'
import { SCOPES } from './principal.ts'
import type { Principal } from './principal.ts'
import { principalOf } from './principal-row.ts'
import { principalColumns } from './rights.ts'
import { hashOf, randomSecret } from './secret-text.ts'
import { tokenIsValid } from './tokens.ts'
import { userTarget } from './users.ts'

/** What holds while nobody has set another limit. */
export const IDLE_MINUTES = 12 * 60
export const MOST_MINUTES = 7 * 24 * 60
/** How long after a sign-in a session may make what outlives it. */
export const FRESH_MINUTES = 15
const MAX_SHOWN = 300

export type NewSession = {
  userId: string
  /** What they signed in with. A session by a token may do what the token may, and ends with it. */
  by: { providerId: string } | { tokenId: string }
  address?: string | undefined
  userAgent?: string | undefined
}
export type SessionView = Pick<
  typeof sessions.$inferSelect,
  'id' | 'address' | 'userAgent' | 'createdAt' | 'lastSeenAt'
> & { provider: string | null; expiresAt: Date }

/** Makes a session. Its secret is returned here and nowhere else. Rejects with `sign-in-refused` for who is disabled. */
export async function createSession(db: Db, input: NewSession): Promise<{ id: string; secret: string }> {
  const [id, secret] = [newId(), randomSecret()]
  const { by, userId, address, userAgent } = input
  const ofBrowser = { address: shown(address), userAgent: shown(userAgent) }
  await db.delete(sessions).where(sql`not (${isFresh()})`)
  await db.transaction(async (tx) => {
    const { name } = await holdEnabled(tx, { userId, by })
    await tx.insert(sessions).values({ ...by, ...ofBrowser, id, userId, hash: hashOf(secret) })
    const came = 'tokenId' in by ? { tokenId: by.tokenId } : { sessionId: id }
    const target = userTarget({ id: userId, name })
    await recordAudit(tx, {
      ...{ by: { userId, name, address, ...came }, action: 'sign-in', target },
      after: { session: id, ...by, userAgent: ofBrowser.userAgent },
    })
  })
  return { id, secret }
}

/**
 * Finds who a session speaks for, with their rights. That somebody was seen is noted at most once a minute, and not at all
 * with `note: false`: what looks again by itself must keep no session alive.
 */
export async function findUserBySession(
  db: Db,
  secret: string,
  { note = true }: { note?: boolean } = {},
): Promise<Principal | undefined> {
  const [row] = await db
    .select({
      sessionId: sessions.id,
      tokenId: sessions.tokenId,
      scopes: apiTokens.scopes,
      limitedTo: apiTokens.permissions,
      expiresAt: apiTokens.expiresAt,
      ...principalColumns,
      stale: sql<boolean>`${sessions.lastSeenAt} < now() - interval '1 minute'`,
      signedInLately: sql<boolean>`${sessions.createdAt} > now() - make_interval(mins => ${FRESH_MINUTES}::int)`,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .leftJoin(apiTokens, eq(apiTokens.id, sessions.tokenId))
    .where(and(eq(sessions.hash, hashOf(secret)), isAlive(), isNull(users.disabledAt)))
  if (row === undefined) return undefined
  const { sessionId, stale, signedInLately, scopes, tokenId, ...who } = row
  if (stale && note) await noteSeen(db, sessionId)
  const ofToken = tokenId === null ? SCOPES : (scopes ?? [])
  return { ...principalOf({ ...who, tokenId: sessionId, scopes: ofToken }), sessionId, signedInLately }
}

/** Who a session speaks for, while it does. Held: who ends it at this moment waits. */
export async function findLiveSession(
  tx: Executor,
  sessionId: string,
): Promise<{ userId: string; name: string } | undefined> {
  const [row] = await tx
    .select({ userId: users.id, name: users.name })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .leftJoin(apiTokens, eq(apiTokens.id, sessions.tokenId))
    .where(and(eq(sessions.id, sessionId), isAlive(), isNull(users.disabledAt)))
    .for('share', { of: sessions })
  return row
}

/** The sessions of one person, the last used first. */
export async function listSessions(db: Executor, userId: string): Promise<SessionView[]> {
  const rows = await db
    .select({
      id: sessions.id,
      address: sessions.address,
      userAgent: sessions.userAgent,
      createdAt: sessions.createdAt,
      lastSeenAt: sessions.lastSeenAt,
      provider: signInProviders.name,
      expiresAt: sql<string>`least(
        ${sessions.createdAt} + ${minutesOf('sessionMaxMinutes', MOST_MINUTES)},
        ${sessions.lastSeenAt} + ${minutesOf('sessionIdleMinutes', IDLE_MINUTES)},
        ${apiTokens.expiresAt})`,
    })
    .from(sessions)
    .leftJoin(signInProviders, eq(signInProviders.id, sessions.providerId))
    .leftJoin(apiTokens, eq(apiTokens.id, sessions.tokenId))
    .where(and(eq(sessions.userId, userId), isAlive()))
    .orderBy(desc(sessions.lastSeenAt), desc(sessions.id))
  return rows.map((row) => ({ ...row, expiresAt: new Date(row.expiresAt) }))
}

/** Ends a session of one person, at once. Rejects with `session-not-found`. */
export async function endSession(db: Executor, { id, userId }: { id: string; userId: string }): Promise<void> {
  const rows = await db
    .delete(sessions)
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId)))
    .returning({ id: sessions.id })
  if (rows.length === 0) {
    throw new DrydockError('session-not-found', `Cannot end session "${id}": you have no such session`)
  }
}

/** Ends whatever session has this secret, and says whose it was. */
export async function endSessionOf(db: Executor, secret: string): Promise<string | undefined> {
  const [row] = await db
    .delete(sessions)
    .where(eq(sessions.hash, hashOf(secret)))
    .returning({ userId: sessions.userId })
  return row?.userId
}

/** Signs a person out everywhere. Tokens stay: they are revoked one by one. */
export async function endSessionsOf(db: Db, { userId, name }: { userId: string; name: string }, by: Actor) {
  await db.transaction(async (tx) => {
    const ended = await tx.delete(sessions).where(eq(sessions.userId, userId)).returning({ id: sessions.id })
    const target = userTarget({ id: userId, name })
    await recordAudit(tx, { by, action: 'user.sign-out', target, after: { sessions: ended.length } })
  })
}

/** Not over by the clock. The limits are those that hold now, also for sessions that began under others. */
function isFresh(): SQL {
  return sql`${sessions.createdAt} > now() - ${minutesOf('sessionMaxMinutes', MOST_MINUTES)}
    and ${sessions.lastSeenAt} > now() - ${minutesOf('sessionIdleMinutes', IDLE_MINUTES)}`
}

function isAlive() {
  return and(isFresh(), or(isNull(sessions.tokenId), tokenIsValid()))
}

function minutesOf(key: 'sessionMaxMinutes' | 'sessionIdleMinutes', otherwise: number): SQL {
  const set = sql`(select (value #>> '{}')::int from settings where key = ${key})`
  return sql`make_interval(mins => coalesce(${set}, ${otherwise}::int))`
}

/** Whoever disables the person or the provider at this moment waits for the session, and ends it. */
async function holdEnabled(db: Executor, { userId, by }: Pick<NewSession, 'userId' | 'by'>) {
  const isPerson = and(eq(users.id, userId), isNull(users.disabledAt))
  const [held] = await db.select({ name: users.name }).from(users).where(isPerson).for('share')
  if ('providerId' in by) {
    const isOn = and(eq(signInProviders.id, by.providerId), eq(signInProviders.enabled, true))
    const provider = await db.select({ id: signInProviders.id }).from(signInProviders).where(isOn).for('share')
    if (provider.length === 0) throw new DrydockError('sign-in-refused', 'Cannot sign in: this provider is turned off')
  }
  if (held === undefined) throw new DrydockError('sign-in-refused', 'Cannot sign in: this account is disabled')
  return held
}

async function noteSeen(db: Db, sessionId: string): Promise<void> {
  await db
    .update(sessions)
    .set({ lastSeenAt: sql`now()` })
    .where(eq(sessions.id, sessionId))
}

/** What a browser says of itself, short and on one line. */
const shown = (text: string | undefined) => text?.replace(/[^\x20-\x7e]/g, '').slice(0, MAX_SHOWN) ?? null
