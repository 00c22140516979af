import { z } from '@hono/zod-openapi'
import type { SessionView } from '../../domain/access/sessions.ts'
import type { SignInProviderView } from '../../domain/sign-in/providers.ts'
import { line, text } from './common.ts'

const MAX_GROUPS = 500
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$)/

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/

const name = z
  .string()
  .regex(NAME, 'must be 1 to 32 lower-case letters, digits or "-", beginning with a letter or digit')
export const isProviderName = (text: string) => NAME.test(text)
export const SignInName = z.object({ name: z.string().max(1000) })
export const ProviderParam = z.object({ provider: z.string().max(1000) })

const issuer = line(1000)
  .refine(isIssuer, 'must be an https:// URL without user, query or fragment')
  // Two spellings of one issuer would make two people of one.
  .transform((url) => (new URL(url).pathname === '/' ? new URL(url).origin : url))
const token = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/, 'must be one word')
const domain = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/, 'must be the name of a domain in lower case')
const Mapping = z.strictObject({ value: line(500), groupId: z.string().regex(/^[0-9a-z]{1,32}$/) })

const settings = {
  displayName: line(100).optional().openapi({ description: 'What people read; absent: the name' }),
  clientSecret: text(2000).min(1).nullable().optional().openapi({ description: 'Written, never read. null: none' }),
  scopes: z
    .array(token)
    .min(1)
    .max(20)
    .refine((all) => all.includes('openid'), 'must have "openid"')
    .optional(),
  groupClaim: line(200)
    .nullable()
    .optional()
    .openapi({ description: 'The claim that names groups, or the way to it: realm_access.roles. null: none does' }),
  groups: z
    .array(Mapping)
    .max(MAX_GROUPS)
    .refine((all) => new Set(all.map((each) => JSON.stringify(each))).size === all.length, 'must not repeat')
    .optional()
    .openapi({ description: 'Who has this value in the claim is in that group' }),
  emailDomains: z
    .array(domain)
    .max(200)
    .optional()
    .openapi({ description: 'Of verified addresses; none: all are let in' }),
  defaultRole: z.enum(['member', 'viewer']).optional().openapi({ description: 'Of people who are new' }),
  enabled: z.boolean().optional(),
}

export const NewSignInProviderSchema = z
  .strictObject({ name, issuer, clientId: line(500), ...settings })
  .openapi('NewSignInProvider')
export const SignInProviderChangeSchema = z
  .strictObject({ clientId: line(500).optional(), ...settings })
  .openapi('SignInProviderChange')
export const SignInProviderSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    displayName: z.string(),
    issuer: z.string(),
    clientId: z.string(),
    hasSecret: z.boolean(),
    scopes: z.array(z.string()),
    groupClaim: z.string().nullable(),
    groups: z.array(z.object({ value: z.string(), groupId: z.string() })),
    emailDomains: z.array(z.string()),
    defaultRole: z.enum(['member', 'viewer']),
    enabled: z.boolean(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('SignInProvider')
export const SignInProviderListSchema = z.object({ data: z.array(SignInProviderSchema) })
/** What everybody may see who is not signed in yet. */
export const OfferedProvidersSchema = z.object({ data: z.array(z.object({ id: z.string(), name: z.string() })) })

export const SessionSchema = z
  .object({
    id: z.string(),
    current: z.boolean().openapi({ description: 'Whether the request came with it' }),
    provider: z.string().nullable().openapi({ description: 'null: they signed in with a token' }),
    address: z.string().nullable(),
    userAgent: z.string().nullable(),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .openapi('Session')
export const SessionListSchema = z.object({ data: z.array(SessionSchema) })
export const TokenSignInSchema = z.strictObject({ token: z.string().max(200).optional() }).openapi('TokenSignIn')
export const SignedInSchema = z.object({ userId: z.string(), sessionId: z.string() }).openapi('SignedIn')

export type NewSignInProviderJson = z.input<typeof NewSignInProviderSchema>
export type SignInProviderChangeJson = z.input<typeof SignInProviderChangeSchema>
export type SignInProviderJson = z.infer<typeof SignInProviderSchema>

// Field by field: what a row gets one day does not become public by itself.
export function signInProviderJson(view: SignInProviderView): SignInProviderJson {
  const { id, name, displayName, issuer, clientId, hasSecret, scopes, groupClaim } = view
  const { groups, emailDomains, defaultRole, enabled } = view
  return {
    ...{ id, name, displayName, issuer, clientId, hasSecret, scopes, groupClaim },
    ...{ groups, emailDomains, defaultRole, enabled },
    createdAt: view.createdAt.toISOString(),
    updatedAt: view.updatedAt.toISOString(),
  }
}

export function sessionJson(view: SessionView, own: string | undefined): z.infer<typeof SessionSchema> {
  const { id, provider, address, userAgent, createdAt, lastSeenAt, expiresAt } = view
  return {
    ...{ id, provider, address, userAgent, current: id === own },
    createdAt: createdAt.toISOString(),
    lastSeenAt: lastSeenAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  }
}

/** Plain http:// is for this machine, where the server's settings let it. */
function isIssuer(url: string): boolean {
  if (!URL.canParse(url) || /[?#\\]/.test(url)) return false
  const { protocol, username, password } = new URL(url)
  return (protocol === 'https:' || LOOPBACK.test(url)) && username === '' && password === ''
}
