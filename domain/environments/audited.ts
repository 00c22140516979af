// What the audit log says of environments.

import { eq } from 'drizzle-orm'
import type { Target } from '../audit/actions.ts'
import { digestOf } from '../audit/changed.ts'
import type { Executor } from '../db.ts'
import { environments, repositories } from '../schema.ts'
import { without } from '../without.ts'
import { readSharing } from './sharing.ts'

const TIMES = ['createdAt', 'updatedAt', 'deletedAt'] as const

export async function environmentTarget(db: Executor, id: string): Promise<Target> {
  const [row] = await db.select({ name: environments.name }).from(environments).where(eq(environments.id, id))
  return { kind: 'environment', id, name: row?.name ?? '' }
}

/**
 * An environment with who may use it. Texts that run, and values of variables, are there by their hash: that they changed is
 * to be seen, what people may have written there is not.
 */
export async function auditedEnvironment(db: Executor, id: string): Promise<Record<string, unknown>> {
  const [row] = await db
    .select({ environment: environments, repository: repositories.address })
    .from(environments)
    .innerJoin(repositories, eq(repositories.id, environments.repositoryId))
    .where(eq(environments.id, id))
  if (row === undefined) return {}
  const settings = without(row.environment, 'id', 'repositoryId', 'cacheEpoch', 'createdBy', ...TIMES)
  const { agentScript, setupScript, maintenanceScript, variables, repositories: others } = settings
  const { groups, collaborators } = await readSharing(db, id)
  return {
    ...settings,
    repository: row.repository,
    repositories: others.map(({ name, address }) => ({ name, address })),
    agentScript: digestOf(agentScript),
    setupScript: digestOf(setupScript),
    maintenanceScript: digestOf(maintenanceScript),
    variables: Object.keys(variables).toSorted(),
    variableValues: digestOf(JSON.stringify(Object.entries(variables).toSorted())),
    groups,
    collaborators,
  }
}
