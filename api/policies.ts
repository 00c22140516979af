import type { z } from 'zod'
import { DrydockError } from '../domain/errors.ts'
import { PhasePolicies, isOff } from '../sandbox-policy/policy.ts'

/** Reads the policies of an environment: `{setup, agent}`, or one policy, which is the agent's. Off means absent. */
export function parsePolicies(input: Record<string, unknown> | null): PhasePolicies {
  if (input === null) return {}
  const isPerPhase = Object.keys(input).some((key) => key === 'setup' || key === 'agent')
  const parsed = PhasePolicies.safeParse(isPerPhase ? input : { agent: input })
  if (!parsed.success) throw new DrydockError('policy-invalid', `Cannot use this policy: ${faults(parsed.error)}`)
  if (!isOff(parsed.data.setup) || !isOff(parsed.data.agent)) {
    throw new DrydockError(
      'policy-invalid',
      'Cannot open the network: this installation has no gateway yet, so sandboxes run without any network. Leave the policy out, or use {"preset":"none"}',
    )
  }
  return parsed.data
}

/** What zod objects to, each with its place, in one line. */
export function faults(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ')
}
