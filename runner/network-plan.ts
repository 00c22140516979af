import type { Job } from '../domain/tasks/job.ts'
import type { EffectivePolicy } from '../sandbox-policy/control.ts'
import { PhasePolicies, Policy, isOff } from '../sandbox-policy/policy.ts'
import type { Rule } from '../sandbox-policy/policy.ts'

/** What administrators set over every environment's policy. */
export type WorkspacePolicy = { ceiling: Policy | undefined; deny: readonly Rule[] }

/** What each phase of an attempt may reach; undefined where that is nothing. */
export type NetworkPlan = {
  setup: EffectivePolicy | undefined
  agent: EffectivePolicy | undefined
  /** Another text once a credential or the provider behind it has changed; absent until then. */
  granted?: string
}

/** Set-up reaches all public hosts unless the environment says otherwise: through the gateway, so it is on the ledger. */
const SETUP_DEFAULT = Policy.parse({ preset: 'all', methods: 'all' })
const OFF = Policy.parse({})

/** Reads an environment's policies under the workspace's. An absent agent policy is off. */
export function networkPlan({ policy }: Pick<Job['environment'], 'policy'>, workspace: WorkspacePolicy): NetworkPlan {
  const phases = PhasePolicies.parse(policy)
  return { setup: underWorkspace(phases.setup ?? SETUP_DEFAULT), agent: underWorkspace(phases.agent ?? OFF) }

  function underWorkspace(own: Policy): EffectivePolicy | undefined {
    if (isOff(own)) return undefined
    const { ceiling, deny } = workspace
    return { policy: own, ...(ceiling && { ceiling }), ...(deny.length > 0 && { deny }) }
  }
}

/** Opens nothing: for a phase that has a network because another needs one. */
export const CLOSED: EffectivePolicy = { policy: OFF }

/** The credentials that the rules of a policy name. */
export function credentialsOf(effective: EffectivePolicy | undefined): string[] {
  const named = effective?.policy.allow.flatMap((rule) => rule.credential ?? []) ?? []
  return [...new Set(named)]
}
