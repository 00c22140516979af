import { createToken } from '../domain/access/tokens.ts'
import { assertHas } from '../domain/access/giving.ts'
import type { Permission } from '../domain/access/permissions.ts'
import type { Principal, Scope } from '../domain/access/principal.ts'
import { FRESH_MINUTES } from '../domain/access/sessions.ts'
import { DrydockError, forbidden } from '../domain/errors.ts'
import type { ApiDeps } from './context.ts'
import { tokenJson } from './schemas/access.ts'

type Wanted = {
  userId: string
  name: string
  scopes: readonly Scope[]
  permissions?: readonly Permission[] | undefined
  expiresAt?: string | undefined
}

/** Makes a token within what the own one may do. Its text is in the answer, and nowhere else. */
export async function makeToken({ db }: Pick<ApiDeps, 'db'>, principal: Principal, wanted: Wanted) {
  assertSignedInLately(principal)
  const permissions = permissionsWithin(principal, wanted.permissions)
  const made = await createToken(db, {
    ...wanted,
    by: principal,
    permissions,
    expiresAt: expiryWithin(principal, wanted),
  })
  return { ...tokenJson(made.view), token: made.token }
}

/**
 * A token outlives the session that makes it: whoever finds a browser open must not keep the access. Rejects with
 * `sign-in-too-old`.
 */
export function assertSignedInLately({ sessionId, signedInLately }: Principal, cannot = 'Cannot make a token'): void {
  if (sessionId === undefined || signedInLately === true) return
  throw new DrydockError(
    'sign-in-too-old',
    `${cannot}: you signed in more than ${FRESH_MINUTES} minutes ago. Sign in again, then it works`,
  )
}

/**
 * When a token that somebody makes ends. It can do no more than the one that makes it, and does not outlive it: whoever found
 * a token that ends soon must not keep the access. Rejects with `forbidden`.
 */
function expiryWithin(
  { scopes: own, expiresAt: end }: Principal,
  wanted: Pick<Wanted, 'scopes' | 'expiresAt'>,
): Date | null {
  if (wanted.scopes.some((scope) => !own.includes(scope))) throw forbidden()
  const expiry = wanted.expiresAt === undefined ? (end ?? null) : new Date(wanted.expiresAt)
  if (end !== undefined && (expiry === null || expiry > end)) throw forbidden()
  return expiry
}

/** A token of one that is limited is limited, too. Rejects with `forbidden`. */
function permissionsWithin(principal: Principal, wanted: readonly Permission[] | undefined) {
  assertHas(principal, wanted ?? [])
  return wanted ?? (principal.isLimited === true ? [...principal.permissions] : null)
}
