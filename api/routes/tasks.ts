import { createRoute } from '@hono/zod-openapi'
import { can } from '../../domain/access/can.ts'
import type { Principal } from '../../domain/access/can.ts'
import { findEnvironment } from '../../domain/environments/environments.ts'
import { DrydockError } from '../../domain/errors.ts'
import { cancelTask } from '../../domain/tasks/cancel.ts'
import { createTask } from '../../domain/tasks/create.ts'
import { listTasks } from '../../domain/tasks/list.ts'
import { findTaskOwner, readTask } from '../../domain/tasks/read.ts'
import { assertAgent } from '../agents.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { assertPromptSize, picturesOf, startingPatchOf } from '../prompt.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'
import {
  NewTaskHeaders,
  NewTaskSchema,
  TaskPageSchema,
  TaskQuery,
  TaskSchema,
  taskHeadJson,
  taskJson,
} from '../schemas/task.ts'
import type { TaskJson } from '../schemas/task.ts'

const create = createRoute({
  method: 'post',
  path: '/tasks',
  request: { body: body(NewTaskSchema), headers: NewTaskHeaders },
  responses: {
    200: json('The task that this Idempotency-Key made before', TaskSchema),
    201: json('The new task', TaskSchema),
    ...problems,
  },
})
const list = createRoute({
  method: 'get',
  path: '/tasks',
  request: { query: TaskQuery },
  responses: { 200: json('A page of tasks, newest first', TaskPageSchema), ...problems },
})
const read = createRoute({
  method: 'get',
  path: '/tasks/{id}',
  request: { params: IdParams },
  responses: { 200: json('The task', TaskSchema), ...problems },
})
const cancel = createRoute({
  method: 'post',
  path: '/tasks/{id}/cancel',
  request: { params: IdParams },
  responses: { 200: json('The task, cancelled', TaskSchema), ...problems },
})

export function taskRoutes(deps: ApiDeps) {
  return newRouter()
    .openapi(create, async (c) => {
      const { userId } = authorize(c, 'tasks.write')
      const { environment: wanted, images, startingDiff, ...request } = c.req.valid('json')
      const headers = c.req.valid('header')
      assertPromptSize(request.prompt, 'create task')
      const environment = await findEnvironment(deps.db, wanted)
      const agent = request.agent ?? environment.agent
      assertAgent(agent)
      const { id, created } = await createTask(deps.db, {
        ...request,
        images: picturesOf(images),
        startingPatch: startingPatchOf(startingDiff),
        agent,
        environmentId: environment.id,
        creatorId: userId,
        product: headers['x-drydock-product'],
        idempotencyKey: headers['idempotency-key'],
      })
      return c.json(await taskById(deps, id), created ? 201 : 200)
    })
    .openapi(list, async (c) => {
      const principal = authorize(c, 'tasks.read')
      const { environment: wanted, state, ...page } = c.req.valid('query')
      const environmentId = wanted === undefined ? undefined : (await findEnvironment(deps.db, wanted)).id
      const creatorId = can(principal, 'tasks.read-all') ? undefined : principal.userId
      const { data, nextCursor } = await listTasks(deps.db, { creatorId, environmentId, state }, page)
      return c.json({ data: data.map(taskHeadJson), nextCursor }, 200)
    })
    .openapi(read, async (c) => {
      const principal = authorize(c, 'tasks.read')
      const id = await visibleTask(deps, c.req.valid('param').id, principal)
      return c.json(await taskById(deps, id), 200)
    })
    .openapi(cancel, async (c) => {
      const principal = authorize(c, 'tasks.write')
      const id = await visibleTask(deps, c.req.valid('param').id, principal)
      await cancelTask(deps.db, id)
      return c.json(await taskById(deps, id), 200)
    })
}

/** The id of a task that this person may see. For all others there is no such task. */
export async function visibleTask({ db }: Pick<ApiDeps, 'db'>, id: string, principal: Principal): Promise<string> {
  const taskId = parseId(id, 'task-not-found', 'this task')
  const owner = await findTaskOwner(db, taskId)
  const isVisible = owner?.creatorId === principal.userId || can(principal, 'tasks.read-all')
  if (owner === undefined || !isVisible) {
    throw new DrydockError('task-not-found', `Cannot find task "${taskId}": there is none that you may see`)
  }
  return taskId
}

export async function taskById({ db }: Pick<ApiDeps, 'db'>, id: string): Promise<TaskJson> {
  const task = await readTask(db, id)
  if (task === undefined) throw new DrydockError('task-not-found', `Cannot find task "${id}"`)
  return taskJson(task)
}
