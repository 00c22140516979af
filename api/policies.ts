import type { z } from 'zod'
import { DrydockError } from '../domain/errors.ts'
import { PhasePolicies, adminFeatures, policyFaults } from '../sandbox-policy/policy.ts'
import type { AdminFeature } from '../sandbox-policy/policy.ts'

/**
 * Reads the policies of an environment: `{setup, agent}`, or one policy, which is the agent's. Off means absent. Some
 * features are for administrators only (R14).
 */
export function parsePolicies(input: Record<string, unknown> | null, { isAdmin }: { isAdmin: boolean }): PhasePolicies {
  if (input === null) return {}
  const isPerPhase = Object.keys(input).some((key) => key === 'setup' || key === 'agent')
  const parsed = PhasePolicies.safeParse(isPerPhase ? input : { agent: input })
  if (!parsed.success) throw unusable(policyFaults(parsed.error).join('; '))
  const { setup, agent } = parsed.data
  const features = isAdmin ? [] : [...new Set([...adminFeatures(setup), ...adminFeatures(agent)])]
  if (features.length > 0) throw unusable(`only an administrator may set ${features.map(inRule).join(', ')}`)
  return parsed.data
}

function unusable(why: string): DrydockError {
  return new DrydockError('policy-invalid', `Cannot use this policy: ${why}`)
}

const inRule = (feature: AdminFeature) => (feature === 'passthrough' ? '"tls": "passthrough"' : `"${feature}"`)

/** What zod objects to, each with its place, in one line. */
export function faults(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ')
}
