import { DrydockError } from '../../domain/errors.ts'
import type { z } from '@hono/zod-openapi'
import type { EnvironmentChangeSchema } from '../schemas/environment.ts'
import { PLAIN, PROPOSED } from './file-schema.ts'
import type { EnvironmentFile } from './file-schema.ts'
import type { EnvironmentPlan } from './plan.ts'

const FIELDS: Readonly<Record<string, string>> = { ...PLAIN, ...PROPOSED }

type Change = z.output<typeof EnvironmentChangeSchema>
type Chosen = { plan: EnvironmentPlan; accept: readonly string[] }

/**
 * What of a file is taken over: all plain changes, and the proposals that are accepted by name. Rejects with
 * `invalid-request` for a name that is no proposal, so that nobody believes it was taken.
 */
export function changeOf(file: EnvironmentFile, { plan, accept }: Chosen) {
  const proposed = plan.proposals.map(({ field }) => field)
  const unknown = accept.filter((field) => !proposed.includes(field))
  if (unknown.length > 0) {
    const known = proposed.length > 0 ? `The file proposes ${proposed.join(', ')}` : 'The file proposes nothing new'
    throw new DrydockError('invalid-request', `Cannot accept ${unknown.join(', ')}: that is no proposal. ${known}`)
  }
  const applied = [...plan.changes.map(({ field }) => field), ...accept]
  const declared = Object.entries(file).filter(([name]) => applied.includes(name))
  // Each field of the file has the schema of the environment's field of which it is the name here.
  const change = Object.fromEntries<unknown>(declared.map(([name, value]) => [FIELDS[name] ?? name, value])) as Change
  return { change, applied, left: proposed.filter((field) => !accept.includes(field)) }
}
