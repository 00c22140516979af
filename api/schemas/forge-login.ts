import { z } from '@hono/zod-openapi'
import type { ForgeLogin } from '../../domain/people/forge-logins.ts'
import { line } from './common.ts'

const MAX_TOKEN = 1000

export const NewForgeLoginSchema = z
  .strictObject({
    forge: z.enum(['github']),
    token: z
      .string()
      .max(MAX_TOKEN)
      // What is no token would be an odd header.
      .regex(/^[\x21-\x7e]+$/, 'must be a token')
      .openapi({ description: 'Your own, of any rights or none. It is used once and not kept' }),
  })
  .openapi('NewForgeLogin')

export const ForgeLoginSchema = z
  .object({
    host: z.string().openapi({ description: 'Where the forge is for people, as in github.com' }),
    login: z.string(),
    id: z.int().openapi({ description: "The account's number, which no other account ever has" }),
    verifiedAt: z.iso.datetime(),
  })
  .openapi('ForgeLogin')
export const ForgeLoginListSchema = z.object({ data: z.array(ForgeLoginSchema) })
export const HostParams = z.object({ host: line(300) })

export type NewForgeLoginJson = z.input<typeof NewForgeLoginSchema>
export type ForgeLoginJson = z.infer<typeof ForgeLoginSchema>

export function forgeLoginJson({ host, login, id, verifiedAt }: ForgeLogin): ForgeLoginJson {
  return { host, login, id, verifiedAt: verifiedAt.toISOString() }
}
