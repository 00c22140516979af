// Asks early what a runner asks again before it publishes (R25).

import type { Principal } from '../domain/access/principal.ts'
import { readEnvironment } from '../domain/environments/environments.ts'
import type { EnvironmentView } from '../domain/environments/environments.ts'
import { hasCode } from '../domain/errors.ts'
import { findForgeLogin } from '../domain/people/forge-logins.ts'
import type { ForgeIdentity } from '../domain/people/forge-logins.ts'
import { readSettings } from '../domain/settings/settings.ts'
import type { TaskMode } from '../domain/tasks/attempt.ts'
import { findPublishable } from '../domain/tasks/publishable.ts'
import type { TaskView } from '../domain/tasks/read.ts'
import { assertMayStart } from '../forge/push-right.ts'
import type { ApiDeps } from './context.ts'

type Deps = Pick<ApiDeps, 'db' | 'forge'>
type Start = { principal: Principal; environment: EnvironmentView; mode: TaskMode }

/** Rejects with `push-refused` for who starts what would be published by itself, and may not publish it. */
export async function assertMayPublishLater(
  { db, forge }: Deps,
  { principal, environment, mode }: Start,
  signal: AbortSignal,
): Promise<void> {
  if (mode !== 'code' || environment.publish === 'manual' || environment.repository.forge !== 'github') return
  if (!(await readSettings(db)).automaticPublishing) return
  const account = await findForgeLogin(db, { userId: principal.userId, host: forge.host })
  const repositories = [environment.repository, ...environment.repositories]
  await assertMayStart(repositories, { environment, account, forge }, signal)
}

/** The same of a turn that goes on with a task. */
export async function assertMayPublishOn(
  deps: Deps,
  { principal, task }: { principal: Principal; task: Pick<TaskView, 'environment' | 'mode'> },
  signal: AbortSignal,
): Promise<void> {
  const environment = await readEnvironment(deps.db, task.environment).catch((error: unknown) => {
    // Who makes the turn says what that means for the task.
    if (!hasCode(error, 'environment-not-found')) throw error
  })
  if (environment) await assertMayPublishLater(deps, { principal, environment, mode: task.mode }, signal)
}

/** Who asks for the publishing of an attempt is on its forge; undefined on plain git remotes. Rejects with `push-refused`. */
export async function publisherOnForge(
  { db, forge }: Deps,
  { principal, attemptId }: { principal: Principal; attemptId: string },
  signal: AbortSignal,
): Promise<ForgeIdentity | undefined> {
  const found = await findPublishable(db, attemptId)
  if (!found?.repositories.some((repository) => repository.forge === 'github')) return undefined
  const { host } = forge
  const account = await findForgeLogin(db, { userId: principal.userId, host })
  await assertMayStart(found.repositories, { environment: found.environment, account, forge }, signal)
  return account ? { host, ...account } : 'unlinked'
}
