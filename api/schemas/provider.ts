import { z } from '@hono/zod-openapi'
import type { CredentialView } from '../../domain/credentials/credentials.ts'
import { WIRES } from '../../domain/providers/provider.ts'
import type { ModelFeature } from '../../domain/providers/provider.ts'
import type { ProviderView } from '../../domain/providers/providers.ts'
import { MODEL_FEATURES } from '../../sandbox-policy/control.ts'
import { line } from './common.ts'
import { HeaderName, HeaderValue } from './header.ts'

const SECOND = 1000
const HOUR = 60 * 60 * SECOND
const MAX_MODELS = 200
const MAX_TOKENS = 1_000_000_000_000
const MAX_OUTPUT_TOKENS = 10_000_000

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  )
export const NamedParams = z.object({ name: z.string().max(1000) })

/** What is appended to it are the paths of the wire: a query or a fragment would end up before them. */
const baseUrl = line(2000).refine(
  isBaseUrl,
  'must be an https:// URL without user, query or fragment; http:// only for an internal provider',
)

// The list of the gateway and that of the tables are the same.
const features: readonly ModelFeature[] = MODEL_FEATURES
const Feature = z.enum(MODEL_FEATURES)
const unique = <T>(list: readonly T[]) => new Set(list).size === list.length

export const Tokens = z.int().min(1).max(MAX_TOKENS)

const settings = {
  key: HeaderValue.nullable().optional().openapi({ description: 'Written, never read. null takes it away' }),
  keyHeader: z
    .strictObject({ name: HeaderName, prefix: z.string().regex(/^[\x20-\x7e]{0,64}$/, 'must be printable ASCII') })
    .nullable()
    .optional()
    .openapi({ description: "The header of the key, where it is not the wire's own" }),
  internal: z.boolean().optional().openapi({ description: 'Its address may be private' }),
  models: z
    .array(line(200))
    .max(MAX_MODELS)
    .refine(unique, 'must not repeat')
    .optional()
    .openapi({ description: 'Those that may be asked for; none: any' }),
  features: z
    .array(Feature)
    .max(features.length)
    .refine(unique, 'must not repeat')
    .optional()
    .openapi({ description: 'Hosted tools and the like, each off unless named' }),
  maxOutputTokens: z.int().min(1).max(MAX_OUTPUT_TOKENS).optional(),
  concurrency: z.int().min(1).max(1000).optional(),
  idleMs: z.int().min(SECOND).max(HOUR).optional(),
  totalMs: z
    .int()
    .min(SECOND)
    .max(24 * HOUR)
    .optional(),
  budgetTokens: Tokens.nullable()
    .optional()
    .openapi({ description: 'Of an attempt whose environment has none of its own' }),
  isDefault: z.boolean().optional().openapi({ description: 'For environments that name no provider' }),
}

export const NewProviderSchema = z
  .strictObject({ name, wire: z.enum(WIRES), baseUrl, ...settings })
  .openapi('NewProvider')
export const ProviderChangeSchema = z
  .strictObject({ name: name.optional(), baseUrl: baseUrl.optional(), ...settings })
  .openapi('ProviderChange')

export const ProviderSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    wire: z.enum(WIRES),
    baseUrl: z.string(),
    hasKey: z.boolean(),
    keyHeader: z.object({ name: z.string(), prefix: z.string() }).nullable(),
    internal: z.boolean(),
    models: z.array(z.string()),
    features: z.array(z.string()),
    maxOutputTokens: z.int(),
    concurrency: z.int(),
    idleMs: z.int(),
    totalMs: z.int(),
    budgetTokens: z.int().nullable(),
    isDefault: z.boolean(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Provider')
export const ProviderListSchema = z.object({ data: z.array(ProviderSchema) })

export const CredentialChangeSchema = z
  .strictObject({
    header: HeaderName.default('authorization'),
    value: HeaderValue.openapi({ description: 'The whole value of the header. Written, never read' }),
  })
  .openapi('CredentialChange')
export const CredentialName = name
export const CredentialSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    header: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Credential')
export const CredentialListSchema = z.object({ data: z.array(CredentialSchema) })

export const RewrapSchema = z.object({ keyId: z.string(), rewrapped: z.int(), kept: z.int() }).openapi('Rewrapped')

export type NewProviderJson = z.input<typeof NewProviderSchema>
export type ProviderChangeJson = z.input<typeof ProviderChangeSchema>
export type ProviderJson = z.infer<typeof ProviderSchema>
export type CredentialChangeJson = z.input<typeof CredentialChangeSchema>
export type CredentialJson = z.infer<typeof CredentialSchema>
export type RewrapJson = z.infer<typeof RewrapSchema>

// Field by field: what a row gets one day does not become public by itself.
export function providerJson(view: ProviderView): ProviderJson {
  const { id, name, wire, baseUrl, hasKey, keyHeader, internal, models, features } = view
  const { maxOutputTokens, concurrency, idleMs, totalMs, budgetTokens, isDefault } = view
  return {
    ...{ id, name, wire, baseUrl, hasKey, keyHeader, internal, models, features },
    ...{ maxOutputTokens, concurrency, idleMs, totalMs, budgetTokens, isDefault },
    createdAt: view.createdAt.toISOString(),
    updatedAt: view.updatedAt.toISOString(),
  }
}

export function credentialJson({ id, name, header, createdAt, updatedAt }: CredentialView): CredentialJson {
  return { id, name, header, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

function isBaseUrl(text: string): boolean {
  if (!/^https?:\/\/[\w.:[\]-]+(\/[\w.~%/-]*)?$/.test(text) || !URL.canParse(text)) return false
  const { username, password, search, hash } = new URL(text)
  return [username, password, search, hash].every((part) => part === '')
}
