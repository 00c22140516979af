import { assertAllowed } from '../../domain/settings/allowed.ts'
import { createTurn } from '../../domain/tasks/turns.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { assertPromptSize, picturesOf } from '../prompt.ts'
import { assertMayPublishOn } from '../push-right.ts'
import { defineRoute } from '../route.ts'
import { IdParams, body, json, problems } from '../schemas/common.ts'
import { NewTurnSchema, TaskSchema } from '../schemas/task.ts'
import { taskById, taskViewById } from './tasks.ts'

const create = defineRoute({
  method: 'post',
  path: '/tasks/{id}/turns',
  needs: { scope: 'write', permission: 'cloud.use', part: 'cloud', object: { of: 'task', to: 'continue' } },
  audit: 'none',
  request: { params: IdParams, body: body(NewTurnSchema) },
  responses: { 201: json('The task, going on', TaskSchema), ...problems },
})

/** Follow-ups: the task goes on where it ended. */
export function turnRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(create, async (c) => {
    const taskId = c.get('objectId')
    const principal = c.get('principal')
    const { userId } = principal
    const { prompt, images, attempt } = c.req.valid('json')
    assertPromptSize(prompt, 'go on with the task')
    const task = await taskViewById(deps, taskId)
    await assertAllowed(deps.db, task)
    await assertMayPublishOn(deps, { principal, task }, c.req.raw.signal)
    await createTurn(deps.db, { taskId, userId, prompt, images: picturesOf(images), attempt })
    return c.json(await taskById(deps, taskId), 201)
  })
}
