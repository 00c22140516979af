import { z } from '@hono/zod-openapi'
import { PERMISSIONS } from '../../domain/access/permissions.ts'
import { SCOPES } from '../../domain/access/principal.ts'
import type { TokenView } from '../../domain/access/tokens.ts'
import { line } from './common.ts'

const scopes = z.array(z.enum(SCOPES)).min(1)

export const NewTokenSchema = z
  .strictObject({
    name: line(100),
    scopes: scopes.default(['read', 'write']),
    permissions: z
      .array(z.enum(PERMISSIONS))
      .max(PERMISSIONS.length)
      .optional()
      .openapi({ description: 'All that it may be used for of what its person may; absent: whatever that is' }),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
  })
  .openapi('NewToken')

export const TokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    permissions: z.array(z.enum(PERMISSIONS)).nullable(),
    expiresAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Token')
export const MadeTokenSchema = TokenSchema.extend({ token: z.string() }).openapi('MadeToken')
export const TokenListSchema = z.object({ data: z.array(TokenSchema) })

export function tokenJson(view: TokenView): z.infer<typeof TokenSchema> {
  return {
    ...view,
    expiresAt: view.expiresAt?.toISOString() ?? null,
    lastUsedAt: view.lastUsedAt?.toISOString() ?? null,
    createdAt: view.createdAt.toISOString(),
  }
}
