import { z } from 'zod'
import { isCanonicalName } from './names.ts'
import { isAmbiguousPath } from './paths.ts'
import { parsePattern } from './patterns.ts'

const MAX_RULES = 1000
/** Each opens a listener on the sandbox's gateway address. */
const MAX_TCP_RULES = 32
/** What the gateway listens on towards every sandbox. */
const GATEWAY_PORTS: ReadonlySet<number> = new Set([53, 80, 443, 3128])
/** They change what a connection is; no rule allows them inside one. */
const NO_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK', 'PRI'])

const method = z
  .string()
  .regex(/^[A-Z][A-Z0-9_-]{0,31}$/, 'Write a method in capital letters')
  .refine((name) => !NO_METHODS.has(name), 'No rule can allow this method')

const path = z
  .string()
  .max(1024)
  .startsWith('/', 'A path begins with "/"')
  .refine(
    (text) => !isAmbiguousPath(text),
    'A path is spelled as servers read it: no query, "//", "/.", "\\" or ";", and only what cannot stand there as it is in %XX',
  )

const host = z
  .string()
  .min(1)
  .max(256)
  .superRefine((text, context) => {
    const parsed = parsePattern(text)
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.fault })
  })

const shape = z.strictObject({
  host,
  methods: z.array(method).min(1).max(32).optional(),
  path: path.optional(),
  port: z.int().min(1).max(65535).optional(),
  protocol: z.enum(['http', 'tcp']).optional(),
  internal: z.boolean().optional(),
  tls: z.enum(['inspect', 'passthrough']).optional(),
  credential: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'The name of a credential has up to 64 letters, digits, ".", "_" or "-"',
    )
    .optional(),
})
export type Rule = z.infer<typeof shape>

/** A rule that allows. */
export const Rule = shape.superRefine((rule, context) => {
  for (const [key, message] of allowFaults(rule)) context.addIssue({ code: 'custom', path: [key], message })
})

/** A rule that denies: host, methods, path, port and protocol only. Without a port it denies them all. */
export const DenyRule = shape.superRefine((rule, context) => {
  for (const key of ['internal', 'tls', 'credential'] as const) {
    if (rule[key] !== undefined) context.addIssue({ code: 'custom', path: [key], message: 'A deny rule has none' })
  }
  if (rule.protocol !== 'tcp') return
  for (const key of ['methods', 'path'] as const) {
    if (rule[key] !== undefined) context.addIssue({ code: 'custom', path: [key], message: 'A tcp rule has none' })
  }
})

/** What a sandbox may reach. An absent policy, or one that allows nothing, is "off": `NetworkMode: none`. */
export const Policy = z.strictObject({
  preset: z.enum(['none', 'common', 'all']).default('none'),
  methods: z.enum(['all', 'safe']).default('safe'),
  gitRead: z.boolean().default(false),
  allow: z.array(Rule).max(MAX_RULES).superRefine(checkTcpPorts).default([]),
  deny: z.array(DenyRule).max(MAX_RULES).default([]),
})
export type Policy = z.infer<typeof Policy>

export const PhasePolicies = z.strictObject({ setup: Policy.optional(), agent: Policy.optional() })
export type PhasePolicies = z.infer<typeof PhasePolicies>

/** What the gateway is sent: `EffectivePolicy` of control.ts. */
export const EffectivePolicySchema = z.strictObject({
  policy: Policy,
  ceiling: Policy.exactOptional(),
  deny: z.array(DenyRule).max(MAX_RULES).exactOptional(),
  brokered: z
    .array(z.strictObject({ host: z.string().refine(isCanonicalName), credential: z.string().min(1).max(256) }))
    .max(MAX_RULES)
    .exactOptional(),
})

/** Says whether a policy opens nothing at all. */
export function isOff(policy: Policy | undefined): boolean {
  return policy === undefined || (policy.preset === 'none' && policy.allow.length === 0)
}

/** What only administrators may open in an environment (R14). */
export type AdminFeature = 'internal' | 'credential' | 'passthrough'

/** The features of a policy that only administrators may use. */
export function adminFeatures(policy: Policy | undefined): AdminFeature[] {
  const rules = policy?.allow ?? []
  const features: AdminFeature[] = []
  if (rules.some(({ internal }) => internal === true)) features.push('internal')
  if (rules.some(({ credential }) => credential !== undefined)) features.push('credential')
  if (rules.some(({ tls }) => tls === 'passthrough')) features.push('passthrough')
  return features
}

/** Reads a policy file, already parsed as JSON. Faults name their places. */
export function parsePolicy(json: unknown): { ok: true; policy: Policy } | { ok: false; faults: string[] } {
  const parsed = Policy.safeParse(json)
  return parsed.success ? { ok: true, policy: parsed.data } : { ok: false, faults: policyFaults(parsed.error) }
}

/** Each fault with its place: `allow[0].host: …`. */
export function policyFaults(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => {
    const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    return place === '' ? message : `${place.replace(/^\./, '')}: ${message}`
  })
}

type Fault = [key: keyof Rule, message: string]

function allowFaults(rule: Rule): Fault[] {
  if (rule.protocol === 'tcp') return tcpFaults(rule)
  const limited = (['methods', 'path', 'credential'] as const).filter((key) => rule[key] !== undefined)
  if (rule.tls !== 'passthrough' || limited.length === 0) return []
  return [['tls', `Passthrough shows the gateway no requests, so it cannot go with ${limited.join(' and ')}`]]
}

function tcpFaults(rule: Rule): Fault[] {
  const faults: Fault[] = (['methods', 'path', 'tls', 'credential'] as const)
    .filter((key) => rule[key] !== undefined)
    .map((key) => [key, 'A tcp rule has none'])
  if (rule.port === undefined) faults.push(['port', 'A tcp rule needs a port'])
  else if (GATEWAY_PORTS.has(rule.port)) faults.push(['port', `The gateway itself listens on port ${rule.port}`])
  if (rule.host.startsWith('*'))
    faults.push(['host', 'A tcp rule needs one exact host: nothing else says where it leads'])
  return faults
}

function checkTcpPorts(rules: readonly Rule[], context: z.RefinementCtx): void {
  const ports = new Set<number | undefined>()
  rules.forEach(({ protocol, port }, index) => {
    if (protocol !== 'tcp') return
    if (ports.has(port)) {
      context.addIssue({ code: 'custom', path: [index, 'port'], message: `Another tcp rule has port ${port}` })
    }
    ports.add(port)
  })
  if (ports.size > MAX_TCP_RULES) context.addIssue({ code: 'custom', message: `At most ${MAX_TCP_RULES} tcp rules` })
}
