import { eq } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { underCeilings } from '../environments/ceilings.ts'
import { DrydockError } from '../errors.ts'
import { readSettings } from '../settings/settings.ts'
import { attempts, environments, repositories, tasks, turns, users } from '../schema.ts'
import { isRepositoryOfAttempt } from './repository-of.ts'

const query = (db: Db, attemptId: string) =>
  db
    .select({
      attempt: attempts,
      task: tasks,
      turn: turns,
      environment: environments,
      repository: repositories,
      user: users,
    })
    .from(attempts)
    .innerJoin(turns, eq(turns.id, attempts.turnId))
    .innerJoin(tasks, eq(tasks.id, attempts.taskId))
    .innerJoin(environments, eq(environments.id, attempts.environmentId))
    .innerJoin(repositories, isRepositoryOfAttempt)
    .innerJoin(users, eq(users.id, attempts.userId))
    .where(eq(attempts.id, attemptId))

/** All that a runner needs to know about an attempt. */
export type Job = Awaited<ReturnType<typeof query>>[number]

/** Rejects with `attempt-not-found`. Its environment has what it has under the administrators' ceilings and rules of publishing. */
export async function loadJob(db: Db, attemptId: string): Promise<Job> {
  const [[job], settings] = await Promise.all([query(db, attemptId), readSettings(db)])
  if (!job) throw new DrydockError('attempt-not-found', `Cannot load attempt "${attemptId}": it does not exist`)
  const { automaticPublishing, alwaysHoldFlagged } = settings
  const environment = {
    ...job.environment,
    ...underCeilings(job.environment, settings),
    ...(!automaticPublishing && { publish: 'manual' as const }),
    ...(alwaysHoldFlagged && { holdFlagged: true }),
  }
  return { ...job, environment }
}
