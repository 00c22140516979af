// The one place that says who may do what: pure, and asked with facts that the database knows.

import type { Permission } from './permissions.ts'
import type { ClosedPart, Principal, Scope, Viewer } from './principal.ts'

/** What a person is to an environment. */
export type Relation = 'owner' | 'collaborator' | 'user'

/** Whose tasks people see: of every environment that they may use, or only their own. */
export const TASK_AUDIENCES = ['environment', 'creator'] as const
export type TaskAudience = (typeof TASK_AUDIENCES)[number]

/** `continue` runs something in the environment, or publishes; `change` stops what is there. */
export type TaskAct = 'see' | 'change' | 'continue'
/** `own`: delete it, and say who else may use it. */
export type EnvironmentAct = 'see' | 'edit' | 'own'
export type ObjectNeed = { of: 'task' | 'attempt'; to: TaskAct } | { of: 'environment'; to: EnvironmentAct }

/**
 * What a request needs: the scope of the token, a permission of the person, a part of the product that is open, and a right to
 * the object that it names.
 */
export type Need = { scope: Scope; permission?: Permission; part?: ClosedPart; object?: ObjectNeed }

/** What is known of the object; `relation` is null for who is nothing to its environment. */
export type Facts = { relation: Relation | null; creatorId?: string; audience?: TaskAudience }

/** `hidden`: for this person there is no such object. */
export type Verdict = 'allowed' | 'forbidden' | 'hidden'

/** Decides on the token and the person alone, before anything is looked up. */
export function decideRight(principal: Principal, { scope, permission, part }: Need): Verdict {
  const has = permission === undefined || principal.permissions.has(permission)
  return has && isOpen(principal, part) && principal.scopes.includes(scope) ? 'allowed' : 'forbidden'
}

function isOpen(principal: Principal, part: ClosedPart | undefined): boolean {
  if (part === undefined || principal.closed?.includes(part) !== true) return true
  return part === 'cloud' && administrates(principal)
}

/** Decides on a request with what it names; without facts there is no such thing. */
export function decide(principal: Principal, need: Need, facts: Facts | undefined): Verdict {
  const right = decideRight(principal, need)
  if (right !== 'allowed' || need.object === undefined) return right
  if (facts === undefined) return 'hidden'
  const { of, to } = need.object
  return of === 'environment' ? onEnvironment(principal, to, facts) : onTask(principal, to, facts)
}

/** Says whether all environments are theirs to use, edit and delete, with the features that only administrators may use. */
export const administrates = ({ permissions }: Pick<Viewer, 'permissions'>) => permissions.has('environments.admin')

/** Says whether they see every group; others see their own. */
export const seesAllGroups = ({ permissions }: Pick<Viewer, 'permissions'>) =>
  permissions.has('members.manage') || permissions.has('environments.admin')

/** Says whether they may open the network for agents, with or without the word of the workspace for those who are no administrators. */
export function mayOpenNetwork(viewer: Viewer, memberInternet: boolean): boolean {
  return administrates(viewer) || (memberInternet && viewer.permissions.has('environments.internet'))
}

/** Whose tasks a person sees beside the own: all, those of environments that they may use, or none. */
export function tasksSeen(viewer: Viewer, audience: TaskAudience): 'all' | 'usable' | 'own' {
  if (administrates(viewer)) return 'all'
  return audience === 'environment' ? 'usable' : 'own'
}

function onTask(principal: Principal, to: TaskAct, { relation, creatorId, audience = 'creator' }: Facts): Verdict {
  const mayUse = relation !== null || administrates(principal)
  const seen = tasksSeen(principal, audience)
  const maySee = creatorId === principal.userId || seen === 'all' || (seen === 'usable' && mayUse)
  if (!maySee) return 'hidden'
  // Own tasks stay after the environment is lost; what they would run in it does not.
  return to === 'continue' && !mayUse ? 'forbidden' : 'allowed'
}

function onEnvironment(principal: Principal, to: EnvironmentAct, { relation }: Facts): Verdict {
  if (administrates(principal)) return 'allowed'
  if (relation === null) return 'hidden'
  if (to === 'see') return 'allowed'
  const { permissions } = principal
  if (relation === 'owner') return permissions.has('environments.manage') ? 'allowed' : 'forbidden'
  const mayEdit = relation === 'collaborator' && to === 'edit' && permissions.has('cloud.use')
  return mayEdit ? 'allowed' : 'forbidden'
}
