import { z } from '@hono/zod-openapi'
import type { SecretView } from '../../domain/environments/secrets.ts'
import { parseName } from '../../sandbox-policy/names.ts'
import { line, text } from './common.ts'
import { HeaderName, HeaderValue } from './header.ts'

const KiB = 1024
const MAX_VALUE_BYTES = 32 * KiB

export const SecretParams = z.object({
  id: line(64).openapi({ description: 'Id or name of the environment' }),
  name: z.string().max(1000),
})

const setupValue = text(MAX_VALUE_BYTES)
  .min(1, 'must not be empty')
  .refine((value) => Buffer.byteLength(value) <= MAX_VALUE_BYTES, `must be at most ${MAX_VALUE_BYTES / KiB} KiB`)

/** One exact name, as the gateway spells it. */
const host = z
  .string()
  .max(256)
  .transform((name) => parseName(name))
  .refine((parsed) => parsed.ok, 'must be the name of one host, without scheme, port or wildcard')
  .transform((parsed) => (parsed.ok ? parsed.name : ''))
  .refine((name) => !name.endsWith('.drydock.internal'), 'must not be a name of the gateway itself')

export const SecretChangeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('setup'),
      value: setupValue.openapi({ description: 'Written, never read' }),
    }),
    z.strictObject({
      kind: z.literal('brokered'),
      value: HeaderValue.openapi({ description: 'The whole value of the header. Written, never read' }),
      host: host.openapi({
        type: 'string',
        description: 'Requests to it get the header, where the policy allows them',
      }),
      header: HeaderName.default('authorization'),
    }),
  ])
  .openapi('SecretChange')

const secret = {
  name: z.string(),
  kind: z.enum(['setup', 'brokered']),
  host: z.string().nullable(),
  header: z.string().nullable(),
  version: z.int().openapi({ description: 'Raised with each new value' }),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
}
export const SecretSchema = z.object(secret).openapi('Secret')
export const SecretListSchema = z.object({ data: z.array(SecretSchema) })
export const SetSecretSchema = z
  .object({ ...secret, notice: z.string().openapi({ description: 'What it is good for, and who can use it' }) })
  .openapi('SetSecret')

export type SecretChangeJson = z.input<typeof SecretChangeSchema>
export type SecretJson = z.infer<typeof SecretSchema>
export type SetSecretJson = z.infer<typeof SetSecretSchema>

// Field by field: what a row gets one day does not become public by itself.
export function secretJson(view: SecretView): SecretJson {
  const { name, kind, host, header, version, createdAt, updatedAt } = view
  return { name, kind, host, header, version, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
