// The one place where the interface of the Codex CLI asks what a person may do and see: as the rest of the api does.

import type { Context } from 'hono'
import { can } from '../../domain/access/can.ts'
import { findEnvironment, listEnvironments } from '../../domain/environments/environments.ts'
import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { DrydockError } from '../../domain/errors.ts'
import type { TaskFilter } from '../../domain/tasks/list.ts'
import { readTask } from '../../domain/tasks/read.ts'
import type { TaskView } from '../../domain/tasks/read.ts'
import { authorize } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import { visibleTask } from '../routes/tasks.ts'

type Asking = Context<ApiEnv>

export async function visibleEnvironments({ db }: ApiDeps, c: Asking): Promise<EnvironmentView[]> {
  authorize(c, 'environments.read')
  return listEnvironments(db)
}

/** Where a person wants a task to run, by id or name, and who that is. */
export async function environmentForTask({ db }: ApiDeps, c: Asking, wanted: string) {
  const { userId } = authorize(c, 'tasks.write')
  return { userId, environment: await findEnvironment(db, wanted) }
}

/** The tasks that a person may see. */
export async function visibleTasks({ db }: ApiDeps, c: Asking, environment: string | undefined): Promise<TaskFilter> {
  const principal = authorize(c, 'tasks.read')
  return {
    creatorId: can(principal, 'tasks.read-all') ? undefined : principal.userId,
    environmentId: environment === undefined ? undefined : (await findEnvironment(db, environment)).id,
  }
}

/** A task that a person may see. For all others there is none. */
export async function readVisibleTask(deps: ApiDeps, c: Asking, id: string): Promise<TaskView> {
  const taskId = await visibleTask(deps, id, authorize(c, 'tasks.read'))
  const task = await readTask(deps.db, taskId)
  if (task === undefined) throw new DrydockError('task-not-found', `Cannot find task "${taskId}"`)
  return task
}
