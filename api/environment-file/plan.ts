import { isDeepStrictEqual } from 'node:util'
import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { parsePolicies } from '../policies.ts'
import { PLAIN, PROPOSED } from './file-schema.ts'
import type { EnvironmentFile } from './file-schema.ts'
import { declaredIn, inFile } from './repositories.ts'

/** One setting in which file and environment differ. */
export type PlannedChange = { field: string; from: unknown; to: unknown }

export type EnvironmentPlan = {
  /** What `apply` takes over. */
  changes: PlannedChange[]
  /** What reaches further than the checkout: taken over only where a person names it (R21). */
  proposals: PlannedChange[]
  /** Secrets that the file names and the environment does not have. */
  missingSecrets: string[]
}

type Current = { environment: EnvironmentView; secretNames: readonly string[] }

/** Compares what a repository declares with what an environment is. Says nothing of what the file leaves out. */
export function planEnvironment(file: EnvironmentFile, { environment, secretNames }: Current): EnvironmentPlan {
  const compare = (fields: Readonly<Record<string, keyof EnvironmentView>>) =>
    Object.entries(fields).flatMap(([name, field]) => {
      const declared = Object.entries(file).find(([key]) => key === name)?.[1]
      if (declared === undefined) return []
      const { from, to } =
        name === 'repositories'
          ? { from: inFile(environment), to: declaredIn(file) }
          : { from: environment[field], to: name === 'policy' ? normalPolicy(declared) : declared }
      return isDeepStrictEqual(plain(from), plain(to)) ? [] : [{ field: name, from, to }]
    })
  return {
    changes: compare(PLAIN),
    proposals: compare(PROPOSED),
    missingSecrets: (file.secrets ?? []).filter((name) => !secretNames.includes(name)),
  }
}

/** Both sides as the environment stores them: `{}` for off, each phase under its name. */
function normalPolicy(declared: unknown): unknown {
  const policy = declared === null ? null : (declared as Record<string, unknown>)
  return parsePolicies(policy, { isAdmin: true })
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))
