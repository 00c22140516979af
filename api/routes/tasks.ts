import { administrates, tasksSeen } from '../../domain/access/decide.ts'
import { readTaskAudience } from '../../domain/access/facts.ts'
import type { Principal } from '../../domain/access/principal.ts'
import { findEnvironment } from '../../domain/environments/environments.ts'
import { DrydockError } from '../../domain/errors.ts'
import { cancelTask } from '../../domain/tasks/cancel.ts'
import { assertAllowed } from '../../domain/settings/allowed.ts'
import { createTask } from '../../domain/tasks/create.ts'
import { listTasks } from '../../domain/tasks/list.ts'
import type { TaskFilter } from '../../domain/tasks/list.ts'
import { readTask } from '../../domain/tasks/read.ts'
import type { TaskView } from '../../domain/tasks/read.ts'
import { assertAgent } from '../agents.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { assertPromptSize, picturesOf, startingPatchOf } from '../prompt.ts'
import { assertMayPublishLater } from '../push-right.ts'
import { defineRoute } from '../route.ts'
import { IdParams, body, json, problems } from '../schemas/common.ts'
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

const create = defineRoute({
  method: 'post',
  path: '/tasks',
  needs: { scope: 'write', permission: 'cloud.use', part: 'cloud' },
  audit: 'none',
  request: { body: body(NewTaskSchema), headers: NewTaskHeaders },
  responses: {
    200: json('The task that this Idempotency-Key made before', TaskSchema),
    201: json('The new task', TaskSchema),
    ...problems,
  },
})
const list = defineRoute({
  method: 'get',
  path: '/tasks',
  needs: { scope: 'read' },
  request: { query: TaskQuery },
  responses: { 200: json('A page of tasks, newest first', TaskPageSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/tasks/{id}',
  needs: { scope: 'read', object: { of: 'task', to: 'see' } },
  reads: 'task',
  request: { params: IdParams },
  responses: { 200: json('The task', TaskSchema), ...problems },
})
const cancel = defineRoute({
  method: 'post',
  path: '/tasks/{id}/cancel',
  needs: { scope: 'write', permission: 'cloud.use', object: { of: 'task', to: 'change' } },
  audit: 'task.cancel',
  request: { params: IdParams },
  responses: { 200: json('The task, cancelled', TaskSchema), ...problems },
})

export function taskRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(create, async (c) => {
      const principal = c.get('principal')
      const { environment: wanted, images, startingDiff, ...request } = c.req.valid('json')
      const headers = c.req.valid('header')
      assertPromptSize(request.prompt, 'create task')
      const environment = await findEnvironment(deps.db, principal, wanted)
      const agent = request.agent ?? environment.agent
      assertAgent(agent)
      await assertAllowed(deps.db, { agent, model: environment.model })
      await assertMayPublishLater(deps, { principal, environment, mode: request.mode }, c.req.raw.signal)
      const { id, created } = await createTask(deps.db, {
        ...request,
        images: picturesOf(images),
        startingPatch: startingPatchOf(startingDiff),
        agent,
        environmentId: environment.id,
        creatorId: principal.userId,
        product: headers['x-drydock-product'],
        idempotencyKey: headers['idempotency-key'],
      })
      return c.json(await taskById(deps, id), created ? 201 : 200)
    })
    .openapi(list, async (c) => {
      const principal = c.get('principal')
      const { environment: wanted, state, ...page } = c.req.valid('query')
      const filter = await taskFilter(deps, principal, { environment: wanted, state })
      const { data, nextCursor } = await listTasks(deps.db, filter, page)
      return c.json({ data: data.map(taskHeadJson), nextCursor }, 200)
    })
    .openapi(read, (c) => c.json(taskJson(c.get('task')), 200))
    .openapi(cancel, async (c) => {
      const id = c.get('objectId')
      await cancelTask(deps.db, id, c.get('principal'))
      return c.json(await taskById(deps, id), 200)
    })
}

type Wanted = Pick<TaskFilter, 'state'> & { environment: string | undefined }

/** Which tasks a list is made of. An environment that is named, by id or name, is one that they may use. */
export async function taskFilter(
  { db }: Pick<ApiDeps, 'db'>,
  principal: Principal,
  { environment: wanted, state }: Wanted,
): Promise<TaskFilter> {
  const environmentId = wanted === undefined ? undefined : (await findEnvironment(db, principal, wanted)).id
  const seen = administrates(principal) ? 'all' : tasksSeen(principal, await readTaskAudience(db))
  if (seen === 'own') return { creatorId: principal.userId, environmentId, state }
  const isAll = seen === 'all' || environmentId !== undefined
  return { environmentId, state, ...(!isAll && { seenBy: principal }) }
}

export async function taskById(deps: Pick<ApiDeps, 'db'>, id: string): Promise<TaskJson> {
  return taskJson(await taskViewById(deps, id))
}

export async function taskViewById({ db }: Pick<ApiDeps, 'db'>, id: string): Promise<TaskView> {
  const task = await readTask(db, id)
  if (task === undefined) throw new DrydockError('task-not-found', `Cannot find task "${id}"`)
  return task
}
