import { permissionsOf } from './permissions.ts'
import type { BuiltInRole } from './permissions.ts'
import { SCOPES, foldEmail } from './principal.ts'
import type { ClosedPart, Principal, Scope } from './principal.ts'

/** What the database knows of who asks, and of what they ask with. */
export type PrincipalRow = {
  userId: string
  name: string
  email: string
  emailVerified: boolean
  role: BuiltInRole
  closed: ClosedPart[]
  groupIds: string[]
  given: string[]
  tokenId: string
  scopes: readonly string[]
  limitedTo: readonly string[] | null
  expiresAt: Date | null
}

/** A token that is limited to some permissions gives those of them that its person has, and no others. */
export function principalOf(row: PrincipalRow): Principal {
  const { emailVerified, given, scopes, limitedTo, expiresAt, ...who } = row
  const all = permissionsOf(row.role, given)
  return {
    ...who,
    permissions: new Set(all.filter((permission) => limitedTo?.includes(permission) ?? true)),
    scopes: knownScopes(scopes),
    ...(limitedTo !== null && { isLimited: true }),
    ...(emailVerified && { verifiedEmail: foldEmail(row.email) }),
    ...(expiresAt && { expiresAt }),
  }
}

export function knownScopes(scopes: readonly string[]): Scope[] {
  return SCOPES.filter((scope) => scopes.includes(scope))
}
