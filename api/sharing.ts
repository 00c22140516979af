import { isDeepStrictEqual } from 'node:util'
import { administrates, decide, mayOpenNetwork } from '../domain/access/decide.ts'
import type { Need } from '../domain/access/decide.ts'
import type { ObjectFacts } from '../domain/access/facts.ts'
import type { Principal } from '../domain/access/principal.ts'
import { resolveGroups } from '../domain/environments/sharing.ts'
import type { SharingChange, Visibility } from '../domain/environments/sharing.ts'
import { forbidden } from '../domain/errors.ts'
import type { PhasePolicies } from '../sandbox-policy/policy.ts'
import { isOff } from '../sandbox-policy/policy.ts'
import type { ApiDeps } from './context.ts'

const OWN = { scope: 'admin', object: { of: 'environment', to: 'own' } } as const satisfies Need

export type SharingRequest = {
  visibility?: Visibility | undefined
  groups?: string[] | undefined
  collaborators?: string[] | undefined
  keepSecrets?: boolean | undefined
}
/** `facts` of an environment that is there already; who makes one owns it. */
type Asker = { principal: Principal; facts?: ObjectFacts }

/** A change of who may use an environment, once it is sure that they may make it: to edit is not to share. */
export async function sharingOf(
  { db }: Pick<ApiDeps, 'db'>,
  { visibility, groups, collaborators, keepSecrets }: SharingRequest,
  { principal, facts }: Asker,
): Promise<SharingChange | undefined> {
  if (keepSecrets === true && !administrates(principal)) throw forbidden()
  if (visibility === undefined && groups === undefined && collaborators === undefined) return undefined
  if (facts !== undefined && decide(principal, OWN, facts) !== 'allowed') throw forbidden()
  const asked = { named: groups ?? [], ...(facts && { environmentId: facts.id }) }
  const ids = groups && (await resolveGroups(db, principal, asked))
  return { visibility, groups: ids, collaborators, keepSecrets }
}

type Opening = { principal: Principal; before: unknown; memberInternet: boolean }

/** Rejects with `forbidden` who opens the network for agents, or changes how far it is open, without the right to. */
export function assertMayOpen({ agent }: PhasePolicies, { principal, before, memberInternet }: Opening): void {
  // As the database gives it back: without what is undefined, its keys in another order.
  if (isOff(agent) || isDeepStrictEqual(JSON.parse(JSON.stringify(agent)), before)) return
  if (!mayOpenNetwork(principal, memberInternet)) throw forbidden()
}

/** What people would otherwise learn from a set-up that fails. */
export function noticeOf(cleared: readonly string[]): string {
  return `More people may use this environment, so its secrets were cleared: ${cleared.join(', ')}. Set them again, or let an administrator share it with "keepSecrets".`
}
