import { and, desc, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { SERVER } from '../audit/actions.ts'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import { isUseDue, recordTokenUse } from '../audit/token-use.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { prepared } from '../prepared.ts'
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
  by: Actor
  userId: string
  name: string
  scopes: readonly Scope[]
  permissions?: readonly Permission[] | null
  expiresAt?: Date | null
}

/** Makes a token. Its text is returned here and nowhere else: the database holds its hash. */
export const createToken = (db: Db, input: NewToken) => db.transaction((tx) => insertToken(tx, input))

/** The same as the last step of a transaction. */
export async function insertToken(tx: Transaction, input: NewToken): Promise<{ token: string; view: TokenView }> {
  const token = PREFIX + randomSecret()
  const { userId, name, scopes, expiresAt = null } = input
  const permissions = input.permissions ? [...input.permissions] : null
  const [row] = await tx
    .insert(apiTokens)
    .values({
      ...{ id: newId(), userId, name, scopes: [...scopes], permissions, expiresAt },
      hash: hashOf(token),
      prefix: token.slice(0, PREFIX_SHOWN),
    })
    .returning()
  if (row === undefined) throw new Error('insert returned no row')
  const after = { userId, scopes, permissions, expiresAt }
  await recordAudit(tx, { by: input.by, action: 'token.create', target: tokenTarget(row), after })
  return { token, view: viewOf(row) }
}

const tokenTarget = ({ id, name }: { id: string; name: string }) => ({ kind: 'token', id, name })

/**
 * Finds who a token speaks for, with their rights: expired and revoked ones speak for nobody, and so do those of people who
 * are disabled. Notes the use, at most once a minute.
 */
export async function findUserByToken(db: Db, token: string, address?: string): Promise<Principal | undefined> {
  const hash = tokenHash(token)
  if (hash === undefined) return undefined
  const [row] = await holderOf(db).execute({ hash })
  return row && holderFrom(db, row, address)
}

/** The hash that the database knows a token by; none for a text that is no token. */
export function tokenHash(token: string): Buffer | undefined {
  const secret = FORM.exec(token)?.[1]
  return secret === undefined ? undefined : hashOf(PREFIX + secret)
}

/** What `holderFrom` needs of rows of `api_tokens` and `users` that are joined and meet `speaksForHolder`. */
export const holderColumns = {
  tokenId: apiTokens.id,
  tokenName: apiTokens.name,
  kind: users.kind,
  isUseDue,
  expiresAt: apiTokens.expiresAt,
  scopes: apiTokens.scopes,
  limitedTo: apiTokens.permissions,
  ...principalColumns,
  stale: sql<boolean>`${apiTokens.lastUsedAt} is null or ${apiTokens.lastUsedAt} < now() - interval '1 minute'`,
}

/** Where a statement that gets a `hash` finds somebody. */
export const speaksForHolder = () =>
  and(eq(apiTokens.hash, sql.placeholder('hash')), tokenIsValid(), isNull(users.disabledAt))

const holderOf = (db: Db) =>
  prepared(db, 'holderOf', (on) =>
    on
      .select(holderColumns)
      .from(apiTokens)
      .innerJoin(users, eq(users.id, apiTokens.userId))
      .where(speaksForHolder())
      .prepare('holderOf'),
  )

type HolderRow = Awaited<ReturnType<ReturnType<typeof holderOf>['execute']>>[number]

/** Who a row is of. Notes the use of the token, where that is due. */
export async function holderFrom(db: Db, row: HolderRow, address?: string): Promise<Principal> {
  const { stale, tokenName, kind, isUseDue: isDue, ...who } = row
  if (stale) await noteUse(db, row.tokenId)
  const by = { userId: who.userId, name: who.name, tokenId: who.tokenId, address }
  if (kind === 'service' && isDue) await recordTokenUse(db, by, tokenTarget({ id: who.tokenId, name: tokenName }))
  return { ...principalOf(who), ...(address !== undefined && { address }) }
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
export async function revokeToken(db: Db, { id, userId, by }: { id: string; userId: string; by: Actor }) {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(apiTokens)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(apiTokens.id, id), eq(apiTokens.userId, userId), isNull(apiTokens.revokedAt)))
      .returning({ id: apiTokens.id, name: apiTokens.name })
    if (row === undefined) {
      throw new DrydockError('token-not-found', `Cannot revoke token "${id}": you have no such token`)
    }
    await recordAudit(tx, { by, action: 'token.revoke', target: tokenTarget(row), before: { userId } })
  })
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
  const { token } = await createToken(db, { by: SERVER, userId: ADMIN_ID, name: 'admin-token', scopes: SCOPES })
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
