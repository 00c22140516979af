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

/** A brokered secret as a plan knows it: which, and for which host. */
export type BrokeredSecret = { name: string; host: string }

type Own = Pick<Job['environment'], 'policy'> & { brokered?: readonly BrokeredSecret[] }

/** Reads an environment's policies under the workspace's. An absent agent policy is off, and no secret opens it. */
export function networkPlan({ policy, brokered = [] }: Own, workspace: WorkspacePolicy): NetworkPlan {
  const added = brokered.map(({ name, host }) => ({ host, credential: credentialOf(name) }))
  const phases = PhasePolicies.parse(policy)
  return { setup: underWorkspace(phases.setup ?? SETUP_DEFAULT), agent: underWorkspace(phases.agent ?? OFF) }

  function underWorkspace(own: Policy): EffectivePolicy | undefined {
    if (isOff(own)) return undefined
    const { ceiling, deny } = workspace
    return {
      policy: own,
      ...(ceiling && { ceiling }),
      ...(deny.length > 0 && { deny }),
      ...(added.length > 0 && { brokered: added }),
    }
  }
}

/** Opens nothing: for a phase that has a network because another needs one. */
export const CLOSED: EffectivePolicy = { policy: OFF }

/** Begins the credential of a brokered secret: no rule can name one. */
const SECRET = 'secret:'

export const credentialOf = (secret: string) => SECRET + secret

/** The brokered secret that a credential is; undefined for those of rules. */
export const secretOf = (credential: string) =>
  credential.startsWith(SECRET) ? credential.slice(SECRET.length) : undefined

/** The credentials that a policy needs: of its rules, and of brokered secrets. */
export function credentialsOf(effective: EffectivePolicy | undefined): string[] {
  const named = effective?.policy.allow.flatMap((rule) => rule.credential ?? []) ?? []
  const brokered = effective?.brokered?.map(({ credential }) => credential) ?? []
  return [...new Set([...named, ...brokered])]
}
