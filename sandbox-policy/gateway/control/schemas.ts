import { isIPv4 } from 'node:net'
import { z } from 'zod'
import {
  MODEL_FEATURES,
  type GatewaySettings,
  type LeaseRenewal,
  type LocalAccess,
  type LocalRequest,
  type SandboxConfig,
} from '../../control.ts'
import { EffectivePolicySchema } from '../../policy.ts'

/** The longest lease that a runner may take (R11). */
export const MAX_LEASE_MS = 30_000

const MAX_CREDENTIALS = 1000
const MAX_SANDBOXES = 10_000

/** Goes into paths of URLs, and onto every record. */
export const SandboxId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)

const address = z.string().refine(isIPv4, 'is not an IPv4 address')
const count = z.int().min(0)
const deadline = z
  .int()
  .min(1)
  .max(24 * 60 * 60 * 1000)
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/)
/** Visible ASCII, spaces and tabs: nothing that could end a line. */
const headerValue = z
  .string()
  .max(16_384)
  .regex(/^[\t\x20-\x7e]*$/)

const modelGrant = z.strictObject({
  wire: z.enum(['responses', 'chat', 'anthropic']),
  provider: z.string().max(256).exactOptional(),
  baseUrl: z.url({ protocol: /^https?$/ }).max(2048),
  key: headerValue.exactOptional(),
  keyHeader: z.strictObject({ name: headerName, prefix: headerValue }).exactOptional(),
  internal: z.boolean(),
  models: z.array(z.string().max(256)).max(1000),
  features: z.array(z.enum(MODEL_FEATURES)),
  budgetTokens: count.nullable(),
  maxOutputTokens: z.int().min(1),
  concurrency: z.int().min(1),
  idleMs: deadline,
  totalMs: deadline,
})

export const SandboxConfigSchema: z.ZodType<SandboxConfig> = z.strictObject({
  id: SandboxId,
  attempt: z.string().max(256).nullable(),
  phase: z.enum(['setup', 'agent']),
  gatewayAddress: address,
  sandboxAddress: address,
  policyVersion: count,
  policy: EffectivePolicySchema,
  credentials: z
    .record(z.string().max(256), z.strictObject({ header: headerName, value: headerValue }))
    .refine((all) => Object.keys(all).length <= MAX_CREDENTIALS, 'are too many'),
  model: modelGrant.exactOptional(),
  repositories: z.array(z.string().min(1).max(256)).max(1000),
  limits: z.strictObject({
    connections: count,
    requestsPerSecond: count,
    dnsPerSecond: count,
    mintsPerMinute: count,
    bytes: count.nullable(),
  }),
  seqAfter: count,
})

export const LocalSchema: z.ZodType<LocalAccess> = z.strictObject({
  providers: z
    .array(modelGrant)
    .refine((all) => new Set(all.map(({ wire }) => wire)).size === all.length, 'are two of one wire'),
})

export const LocalRequestSchema: z.ZodType<LocalRequest> = z.strictObject({
  person: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  budget: z.strictObject({ period: z.string().max(128), left: count }).nullable(),
})

export const LeaseSchema: z.ZodType<LeaseRenewal> = z.strictObject({
  ids: z.array(SandboxId).max(MAX_SANDBOXES),
  leaseMs: z.int().min(1).max(MAX_LEASE_MS),
})

export const SettingsSchema: z.ZodType<GatewaySettings> = z.strictObject({
  forbidden: z.array(z.string().max(64)).max(10_000),
  hostAddresses: z.array(z.string().max(64)).max(1000),
  staticHosts: z.record(z.string().max(255), z.array(z.string().max(64)).max(64)),
  upstreamCas: z.array(z.string().max(65_536)).max(500),
  upstreamProxy: z
    .url({ protocol: /^http$/ })
    .max(2048)
    .exactOptional(),
  redactQueries: z.boolean(),
})

export const AckSchema = z.strictObject({ position: count })
