import { eq, sql } from 'drizzle-orm'
import { attempts, environments, repositories } from '../schema.ts'

/**
 * For a join: the repository of an attempt, which is the environment's until a runner has begun. What was made of one
 * repository is never published to another that the environment points to since.
 */
export const isRepositoryOfAttempt = eq(
  repositories.id,
  sql`coalesce(${attempts.repositoryId}, ${environments.repositoryId})`,
)
