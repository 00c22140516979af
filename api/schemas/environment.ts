import { z } from '@hono/zod-openapi'
import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { LimitValues, ResourceValues } from '../../domain/environments/limits.ts'
import { MAX_REPOSITORIES } from '../../domain/environments/repositories.ts'
import { VISIBILITIES } from '../../domain/environments/sharing.ts'
import type { Sharing } from '../../domain/environments/sharing.ts'
import { ImageRef, VariableName, line, text } from './common.ts'
import { Tokens } from './provider.ts'
import { Services } from './service.ts'

const KiB = 1024
const SCRIPT_CHARACTERS = 256 * KiB
const VARIABLE_CHARACTERS = 32 * KiB
const MAX_VARIABLES = 200
const MAX_VERSIONS = 12
const COMMAND_CHARACTERS = 4 * KiB
const MAX_COMMANDS = 40
const PROMPT_CHARACTERS = 16 * KiB
const MAX_STARTER_TASKS = 12
const MAX_GROUPS = 100
const MAX_COLLABORATORS = 200
const MAX_EMAIL = 254

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  )
const script = text(SCRIPT_CHARACTERS).nullable()
const variables = z
  .record(VariableName, text(VARIABLE_CHARACTERS))
  .refine((all) => Object.keys(all).length <= MAX_VARIABLES, `must be at most ${MAX_VARIABLES} variables`)

const versions = z
  .record(line(20), z.string().regex(/^\d{1,4}(\.\d{1,4}){0,2}$/, 'must be a version: numbers with dots'))
  .refine((all) => Object.keys(all).length <= MAX_VERSIONS, `must be at most ${MAX_VERSIONS} languages`)
  .openapi({ description: 'Language to version, as in {"node": "22"}; absent languages are those of the image' })
const verification = z
  .array(text(COMMAND_CHARACTERS).min(1))
  .max(MAX_COMMANDS)
  .openapi({ description: 'Commands that show whether the environment works: its build, its tests' })
const starterTasks = z
  .array(z.strictObject({ title: line(200), prompt: text(PROMPT_CHARACTERS).min(1) }))
  .max(MAX_STARTER_TASKS)
  .openapi({ description: 'Tasks that a newcomer may begin with' })

const repository = line(2000).openapi({ description: 'An absolute path, a URL, or owner/name on GitHub' })
const repositories = z
  .array(z.strictObject({ repository, name: name.exactOptional() }))
  .max(MAX_REPOSITORIES - 1)
  .openapi({
    description:
      'Those besides the first. With any, each lies at /workspace/NAME; NAME is by default the last part of the address',
  })

const sharing = {
  visibility: z.enum(VISIBILITIES).optional().openapi({ description: 'Default: workspace' }),
  groups: z
    .array(line(100))
    .max(MAX_GROUPS)
    .optional()
    .openapi({ description: 'Ids or names of the groups that may use it while its visibility is "groups"' }),
  collaborators: z
    .array(z.email().max(MAX_EMAIL))
    .max(MAX_COLLABORATORS)
    .optional()
    .openapi({ description: 'E-mails of who may use and edit it; each counts once it is verified' }),
}

const settings = {
  description: text(10_000).optional(),
  image: ImageRef.optional().openapi({ description: 'Default: universal, the image that Drydock builds' }),
  agent: line(64).optional(),
  agentScript: script.optional(),
  agentUser: z.enum(['agent', 'root']).optional(),
  setupScript: script.optional(),
  maintenanceScript: script.optional(),
  variables: variables.optional(),
  policy: z
    .record(z.string(), z.unknown())
    .nullable()
    .optional()
    .openapi({ type: 'object', description: 'A policy for the agent, or {"setup": policy, "agent": policy}' }),
  publish: z.enum(['manual', 'branch', 'pull-request']).optional(),
  holdFlagged: z.boolean().optional(),
  publishUnlinked: z.boolean().optional().openapi({
    description: 'Also people publish who have linked no login on the forge. Default: true',
  }),
  resources: ResourceValues.optional(),
  limits: LimitValues.optional(),
  maxRunning: z.int().min(1).max(10_000).optional(),
  model: line(200).nullable().optional().openapi({ description: "The model's name; null: the agent's own choice" }),
  provider: line(64).nullable().optional().openapi({ description: 'Its name; null: the default of the wire' }),
  versions: versions.optional(),
  verification: verification.optional(),
  starterTasks: starterTasks.optional(),
  services: Services.optional(),
  budgetTokens: Tokens.nullable().optional().openapi({ description: "Of one attempt; null: the provider's" }),
  repositories: repositories.optional(),
  ...sharing,
}

export const NewEnvironmentSchema = z.strictObject({ name, repository, ...settings }).openapi('NewEnvironment')
export const EnvironmentChangeSchema = z
  .strictObject({
    name: name.optional(),
    repository: repository.optional(),
    ...settings,
    keepSecrets: z.boolean().optional().openapi({
      description: 'For administrators: secrets stay although more people may use the environment',
    }),
  })
  .openapi('EnvironmentChange')

const Address = z.object({ id: z.string(), forge: z.enum(['git', 'github']), address: z.string() })

export const EnvironmentSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    repository: Address,
    repositories: z
      .array(Address.extend({ name: z.string() }))
      .exactOptional()
      .openapi({ description: 'Those besides the first; absent where there are none' }),
    image: z.string(),
    agent: z.string(),
    agentScript: z.string().nullable(),
    agentUser: z.enum(['agent', 'root']),
    setupScript: z.string().nullable(),
    maintenanceScript: z.string().nullable(),
    variables: z.record(z.string(), z.string()),
    policy: z.record(z.string(), z.unknown()),
    publish: z.enum(['manual', 'branch', 'pull-request']),
    holdFlagged: z.boolean(),
    publishUnlinked: z.boolean(),
    resources: z.record(z.string(), z.number()),
    limits: z.record(z.string(), z.number()),
    maxRunning: z.int(),
    model: z.string().nullable(),
    provider: z.string().nullable(),
    budgetTokens: z.int().nullable(),
    versions: z.record(z.string(), z.string()),
    verification: z.array(z.string()),
    starterTasks: z.array(z.object({ title: z.string(), prompt: z.string() })),
    services: Services,
    visibility: z.enum(VISIBILITIES),
    groups: z.array(z.object({ id: z.string(), name: z.string() })).exactOptional(),
    collaborators: z
      .array(z.string())
      .exactOptional()
      .openapi({ description: 'Like the groups: for who may edit the environment' }),
    createdBy: z.string().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Environment')
/** An environment that was changed, with what else came of it. */
export const ChangedEnvironmentSchema = EnvironmentSchema.extend({
  clearedSecrets: z
    .array(z.string())
    .exactOptional()
    .openapi({ description: 'Secrets that were forgotten, since more people may use the environment' }),
  notice: z.string().exactOptional(),
}).openapi('ChangedEnvironment')
export const EnvironmentListSchema = z.object({ data: z.array(EnvironmentSchema) })

export const RepositorySchema = z
  .object({
    id: z.string(),
    forge: z.enum(['git', 'github']),
    address: z.string(),
    defaultBranch: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Repository')
export const RepositoryListSchema = z.object({ data: z.array(RepositorySchema) })

export type NewEnvironmentJson = z.input<typeof NewEnvironmentSchema>
export type EnvironmentChangeJson = z.input<typeof EnvironmentChangeSchema>
export type ChangedEnvironmentJson = z.infer<typeof ChangedEnvironmentSchema>
export type EnvironmentJson = z.infer<typeof EnvironmentSchema>

/** `sharing` is for who may edit the environment. */
export function environmentJson(view: EnvironmentView, sharing?: Sharing): EnvironmentJson {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- how often its cache was reset is nobody's business
  const { cacheEpoch, repositories: others, ...shown } = view
  return {
    ...shown,
    ...(others.length > 0 && { repositories: others }),
    ...(sharing && { groups: sharing.groups, collaborators: sharing.collaborators }),
    policy: { ...view.policy },
    createdAt: view.createdAt.toISOString(),
    updatedAt: view.updatedAt.toISOString(),
  }
}
