import { and, eq } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import type { RepositoryAddress } from '../repositories/repositories.ts'
import { attempts, environments, repositories } from '../schema.ts'
import { isRepositoryOfAttempt } from './repository-of.ts'

export type Publishable = {
  environment: { name: string; publishUnlinked: boolean }
  /** Those that the attempt has a change of. */
  repositories: RepositoryAddress[]
}

/** Where an attempt could be published to; undefined for one that has not succeeded. */
export async function findPublishable(db: Executor, attemptId: string): Promise<Publishable | undefined> {
  const [row] = await db
    .select({
      environment: { name: environments.name, publishUnlinked: environments.publishUnlinked },
      changes: attempts.changes,
      repository: { forge: repositories.forge, address: repositories.address },
    })
    .from(attempts)
    .innerJoin(environments, eq(environments.id, attempts.environmentId))
    .innerJoin(repositories, isRepositoryOfAttempt)
    .where(and(eq(attempts.id, attemptId), eq(attempts.state, 'succeeded')))
  if (row === undefined) return undefined
  const { environment, changes, repository } = row
  if (changes.length === 0) return { environment, repositories: [repository] }
  return { environment, repositories: changes.filter(({ commit }) => commit !== null).map((each) => each.repository) }
}
