// Nobody gives more than they have, and nobody handles who has more.

import type { Actor } from '../audit/actions.ts'
import { forbidden } from '../errors.ts'
import { permissionsOf } from './permissions.ts'
import type { BuiltInRole } from './permissions.ts'
import type { Principal } from './principal.ts'

/** Who gives or takes rights. */
export type Giver = Actor & Pick<Principal, 'userId' | 'role' | 'permissions' | 'groupIds'>

/** Rejects with `forbidden` where a permission is among these that the giver lacks. */
export function assertHas({ permissions }: Giver, given: readonly string[]): void {
  const has: ReadonlySet<string> = permissions
  if (given.some((permission) => !has.has(permission))) throw forbidden()
}

/** The same for a built-in role with what other roles add to it. Owners have no permission more, and yet a word of their own. */
export function assertWithin(giver: Giver, role: BuiltInRole, given: readonly string[] = []): void {
  assertHas(giver, permissionsOf(role, given))
  if (role === 'owner' && giver.role !== 'owner') throw forbidden()
}
