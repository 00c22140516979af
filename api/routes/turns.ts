import { createRoute } from '@hono/zod-openapi'
import { createTurn } from '../../domain/tasks/turns.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { assertPromptSize, picturesOf } from '../prompt.ts'
import { IdParams, body, json, problems } from '../schemas/common.ts'
import { NewTurnSchema, TaskSchema } from '../schemas/task.ts'
import { taskById, visibleTask } from './tasks.ts'

const create = createRoute({
  method: 'post',
  path: '/tasks/{id}/turns',
  request: { params: IdParams, body: body(NewTurnSchema) },
  responses: { 201: json('The task, going on', TaskSchema), ...problems },
})

/** Follow-ups: the task goes on where it ended. */
export function turnRoutes(deps: ApiDeps) {
  return newRouter().openapi(create, async (c) => {
    const principal = authorize(c, 'tasks.write')
    const taskId = await visibleTask(deps, c.req.valid('param').id, principal)
    const { prompt, images, attempt } = c.req.valid('json')
    assertPromptSize(prompt, 'go on with the task')
    await createTurn(deps.db, { taskId, userId: principal.userId, prompt, images: picturesOf(images), attempt })
    return c.json(await taskById(deps, taskId), 201)
  })
}
