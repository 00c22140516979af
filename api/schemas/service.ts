import { z } from '@hono/zod-openapi'
import { MAX_SERVICES } from '../../domain/environments/limits.ts'
import { ImageRef, VariableName, text } from './common.ts'

const KiB = 1024
const ENV_CHARACTERS = 16 * KiB
const MAX_ENV = 50
const ARGUMENT_CHARACTERS = 4 * KiB
const MAX_ARGUMENTS = 50
/** What a sandbox calls itself and its own addresses. */
const TAKEN = /^(localhost|sandbox|ip6-.*)$/

const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be 1 to 31 lower-case letters, digits or "-", beginning with a letter')
  .refine((name) => !TAKEN.test(name), 'must be another name: a sandbox calls itself so')

const NO_DAEMON =
  'must not be a container engine: one needs rights over this machine. Declare what it would start as services'

/** Nothing of the machine can be asked for: no rights, mounts, ports or networks. */
export const Service = z
  .strictObject(
    {
      name: ServiceName.openapi({ description: 'Its host name in the sandbox' }),
      image: ImageRef.refine((ref) => !/\bdind\b/.test(ref), NO_DAEMON),
      env: z
        .record(VariableName, text(ENV_CHARACTERS))
        .refine((all) => Object.keys(all).length <= MAX_ENV, `must be at most ${MAX_ENV} variables`)
        .exactOptional(),
      command: z.array(text(ARGUMENT_CHARACTERS)).min(1).max(MAX_ARGUMENTS).exactOptional().openapi({
        description: "Arguments in place of the image's own",
      }),
      port: z.int().min(1).max(65_535).exactOptional().openapi({
        description: 'Where it listens; default: the ports that its image exposes',
      }),
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? `has no ${issue.keys.join(', ')}: a service is name, image, env, command and port, and gets nothing of the machine`
          : undefined,
    },
  )
  .openapi('Service')

export const Services = z
  .array(Service)
  .max(MAX_SERVICES)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have names of their own')
  .openapi({ description: 'Containers beside each sandbox, on its network only' })

export type ServiceJson = z.infer<typeof Service>
