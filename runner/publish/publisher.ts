import { assertStillMayPublish } from '../../domain/access/publishing-right.ts'
import { findForgeLogin } from '../../domain/people/forge-logins.ts'
import type { ForgeIdentity } from '../../domain/people/forge-logins.ts'
import { hasCode } from '../../domain/errors.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { Forge } from '../../forge/forge.ts'
import { assertMayPublish, assertMayStart } from '../../forge/push-right.ts'
import { AttemptFailure } from '../failure.ts'
import { retryDatabase } from '../retry-database.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import type { Publishing } from './publish.ts'

type Deps = Pick<RunnerDeps, 'db' | 'forgeOf'>

/**
 * As whom a change is published on its forge: the person who asked for it, else whose attempt it is. Undefined for plain git
 * remotes. Rejects with `push-refused` where they may not, here or on the forge, and like the forge where that does not answer.
 */
export async function publisherOf(
  { attempt, repository }: Publishing,
  { environment, deps }: { environment: Job['environment']; deps: Deps },
  signal: AbortSignal,
): Promise<ForgeIdentity | undefined> {
  const userId = attempt.publishBy ?? attempt.userId
  await retryDatabase(() => assertStillMayPublish(deps.db, { userId, attemptId: attempt.id }), signal)
  const forge = deps.forgeOf(repository)
  if (forge === undefined) return undefined
  const account = await accountOf(userId, { forge, deps }, signal)
  return assertMayPublish(repository.address, { environment, account, forge }, signal)
}

/** Fails an attempt whose change nobody would take, before anything is done for it. */
export async function assertPublishable(
  { attempt, task, environment, repository }: Job,
  deps: Deps,
  signal: AbortSignal,
): Promise<void> {
  if (task.mode !== 'code' || environment.publish === 'manual') return
  const { userId, id: attemptId } = attempt
  const forge = deps.forgeOf(repository)
  try {
    await retryDatabase(() => assertStillMayPublish(deps.db, { userId, attemptId }), signal)
    if (forge === undefined) return
    const account = await accountOf(userId, { forge, deps }, signal)
    await assertMayStart([repository, ...environment.repositories], { environment, account, forge }, signal)
  } catch (error) {
    if (!hasCode(error, 'push-refused')) throw error
    throw new AttemptFailure('push-refused', error.message, { cause: error })
  }
}

const accountOf = (userId: string, { forge, deps }: { forge: Forge; deps: Deps }, signal: AbortSignal) =>
  retryDatabase(() => findForgeLogin(deps.db, { userId, host: forge.host }), signal)
