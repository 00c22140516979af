import { z } from 'zod'

const method = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export const Rule = z.strictObject({
  host: z.string().min(1).max(255),
  methods: z.array(method).min(1).optional(),
  path: z.string().startsWith('/').optional(),
  port: z.int().min(1).max(65535).optional(),
  protocol: z.enum(['http', 'tcp']).optional(),
  internal: z.boolean().optional(),
  tls: z.enum(['inspect', 'passthrough']).optional(),
  credential: z.string().optional(),
})

export type Rule = z.infer<typeof Rule>

/** What a sandbox may reach. An absent policy, or one that allows nothing, is "off": `NetworkMode: none`. */
export const Policy = z.strictObject({
  preset: z.enum(['none', 'common', 'all']).default('none'),
  methods: z.enum(['all', 'safe']).default('safe'),
  gitRead: z.boolean().default(false),
  allow: z.array(Rule).max(1000).default([]),
  deny: z.array(Rule).max(1000).default([]),
})
export type Policy = z.infer<typeof Policy>

export const PhasePolicies = z.strictObject({ setup: Policy.optional(), agent: Policy.optional() })
export type PhasePolicies = z.infer<typeof PhasePolicies>

/** Says whether a policy opens nothing at all. */
export function isOff(policy: Policy | undefined): boolean {
  return policy === undefined || (policy.preset === 'none' && policy.allow.length === 0)
}
