import { z } from 'zod'
import { NewEnvironmentSchema } from '../schemas/environment.ts'

const settings = NewEnvironmentSchema.shape
const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const MAX_SECRETS = 200

/** What a file says plainly: applied as one block. Its name here, and the environment's field. */
export const PLAIN = {
  description: 'description',
  image: 'image',
  setup: 'setupScript',
  versions: 'versions',
  maintenance: 'maintenanceScript',
  verification: 'verification',
  starterTasks: 'starterTasks',
  variables: 'variables',
  agent: 'agent',
  agentScript: 'agentScript',
  model: 'model',
} as const

/** What a repository may only propose: each is taken over by itself, by a person who read it (R21). */
export const PROPOSED = {
  policy: 'policy',
  agentUser: 'agentUser',
  publish: 'publish',
  holdFlagged: 'holdFlagged',
  publishUnlinked: 'publishUnlinked',
  resources: 'resources',
  limits: 'limits',
  maxRunning: 'maxRunning',
  provider: 'provider',
  budgetTokens: 'budgetTokens',
  services: 'services',
  repositories: 'repositories',
} as const

/** The form of `.drydock/environment.yml`. What is absent is left as it is. */
export const EnvironmentFile = z
  .strictObject({
    ...pick(PLAIN),
    ...pick(PROPOSED),
    /** Names of secrets that set-up needs; their values are never in a file. */
    secrets: z
      .array(z.string().regex(SECRET_NAME, 'must be names of secrets: letters, digits and "_"'))
      .max(MAX_SECRETS)
      .optional(),
  })
  .meta({ title: 'Drydock environment', id: 'environment-file' })
export type EnvironmentFile = z.infer<typeof EnvironmentFile>

/** The JSON schema of the file, for editors. */
export const environmentFileSchema = () => z.toJSONSchema(EnvironmentFile, { io: 'input', unrepresentable: 'any' })

type Fields = Readonly<Record<string, keyof typeof settings>>

function pick<F extends Fields>(fields: F): { [K in keyof F]: (typeof settings)[F[K]] } {
  const entries = Object.entries(fields).map(([name, field]) => [name, settings[field]])
  // Object.fromEntries forgets which name has which field; the mapped type is what was just built.
  return Object.fromEntries(entries) as { [K in keyof F]: (typeof settings)[F[K]] }
}
