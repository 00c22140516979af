import { and, desc, eq, gt, isNull, or, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { apiTokens, users } from '../schema.ts'
import { PERMISSIONS } from './permissions.ts'
import type { Permission } from './permissions.ts'
import { SCOPES } from './principal.ts'
import type { Principal, Scope } from './principal.ts'
import { knownScopes, principalOf } from './principal-row.ts'
import { principalColumns } from './rights.ts'
import { hashOf, randomSecret } from './secret-text.ts'

const PREFIX = 'dd_'
const PREFIX_SHOWN = 11
// The Codex CLI takes a token for one of this kind only by "at-": both forms are the same token.
const FORM = /^(?:dd_|at-)([A-Za-z0-9_-]{43})$/
const ADMIN_ID = 'admin'

export type TokenView = {
  id: string
  name: string
  prefix: string
  scopes: Scope[]
  /** Null: all that its person has. */
  permissions: Permission[] | null
  expiresAt: Date | null
  lastUsedAt: Date | null
  createdAt: Date
}

export type NewToken = {
  userId: string
  name: string
  scopes: readonly Scope[]
  permissions?: readonly Permission[] | null
  expiresAt?: Date | null
}

/** Makes a token. Its text is returned here and nowhere else: the database holds its hash. */
export async function createToken(db: Executor, input: NewToken): Promise<{ token: string; view: TokenView }> {
  const token = PREFIX + randomSecret()
  const [row] = await db
    .insert(apiTokens)
    .values({
      id: newId(),
      userId: input.userId,
      name: input.name,
      hash: hashOf(token),
      prefix: token.slice(0, PREFIX_SHOWN),
      scopes: [...input.scopes],
      permissions: input.permissions ? [...input.permissions] : null,
      expiresAt: input.expiresAt ?? null,
    })
    .returning()
  if (row === undefined) throw new Error('insert returned no row')
  return { token, view: viewOf(row) }
}

/**
 * Finds who a token speaks for, with their rights: expired and revoked ones speak for nobody, and so do those of people who
 * are disabled. Notes the use, at most once a minute.
 */
export async function findUserByToken(db: Db, token: string): Promise<Principal | undefined> {
  const secret = FORM.exec(token)?.[1]
  if (secret === undefined) return undefined
  const [row] = await db
    .select({
      tokenId: apiTokens.id,
      expiresAt: apiTokens.expiresAt,
      scopes: apiTokens.scopes,
      limitedTo: apiTokens.permissions,
      ...principalColumns,
      stale: sql<boolean>`${apiTokens.lastUsedAt} is null or ${apiTokens.lastUsedAt} < now() - interval '1 minute'`,
    })
    .from(apiTokens)
    .innerJoin(users, eq(users.id, apiTokens.userId))
    .where(and(eq(apiTokens.hash, hashOf(PREFIX + secret)), tokenIsValid(), isNull(users.disabledAt)))
  if (row === undefined) return undefined
  const { stale, ...who } = row
  if (stale) await noteUse(db, row.tokenId)
  return principalOf(who)
}

/** The tokens of one person that are not revoked, newest first. */
export async function listTokens(db: Executor, userId: string): Promise<TokenView[]> {
  const rows = await db
    .select()
    .from(apiTokens)
    .where(and(eq(apiTokens.userId, userId), isNull(apiTokens.revokedAt)))
    .orderBy(desc(apiTokens.createdAt), desc(apiTokens.id))
  return rows.map(viewOf)
}

/** Revokes a token of one person, at once. */
export async function revokeToken(db: Executor, { id, userId }: { id: string; userId: string }): Promise<void> {
  const rows = await db
    .update(apiTokens)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(apiTokens.id, id), eq(apiTokens.userId, userId), isNull(apiTokens.revokedAt)))
    .returning({ id: apiTokens.id })
  if (rows.length === 0)
    throw new DrydockError('token-not-found', `Cannot revoke token "${id}": you have no such token`)
}

/**
 * The token of the local administrator, whom it makes at the first start. An existing token that is still valid comes
 * back as it is; otherwise a new one is made, to be stored.
 */
export async function ensureAdminToken(db: Db, options: { existingToken?: string } = {}): Promise<string> {
  const existing = options.existingToken?.trim()
  if (existing !== undefined) {
    const holder = await findUserByToken(db, existing)
    if (holder?.userId === ADMIN_ID || holder?.role === 'owner' || holder?.role === 'admin') return existing
  }
  await db
    .insert(users)
    .values({ id: ADMIN_ID, name: 'Local administrator', email: 'admin@localhost', role: 'owner' })
    .onConflictDoNothing()
  // Whoever disabled the local administrator wants no token of theirs; a new one would do no more than the old.
  if (existing !== undefined && (await isDisabled(db, ADMIN_ID))) return existing
  const { token } = await createToken(db, { userId: ADMIN_ID, name: 'admin-token', scopes: SCOPES })
  return token
}

async function isDisabled(db: Db, userId: string): Promise<boolean> {
  const [row] = await db.select({ disabledAt: users.disabledAt }).from(users).where(eq(users.id, userId))
  return row !== undefined && row.disabledAt !== null
}

/** Neither revoked nor over. */
export function tokenIsValid() {
  return and(isNull(apiTokens.revokedAt), or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, sql`now()`)))
}

async function noteUse(db: Db, tokenId: string): Promise<void> {
  await db
    .update(apiTokens)
    .set({ lastUsedAt: sql`now()` })
    .where(eq(apiTokens.id, tokenId))
}

function viewOf(row: typeof apiTokens.$inferSelect): TokenView {
  const { id, name, prefix, expiresAt, lastUsedAt, createdAt } = row
  const permissions = row.permissions && PERMISSIONS.filter((permission) => row.permissions?.includes(permission))
  return { id, name, prefix, scopes: knownScopes(row.scopes), permissions, expiresAt, lastUsedAt, createdAt }
}
