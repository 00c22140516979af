import { z } from '@hono/zod-openapi'
import { findEnvironment } from '../../../domain/environments/environments.ts'
import { assertAllowed } from '../../../domain/settings/allowed.ts'
import { createTask } from '../../../domain/tasks/create.ts'
import { readLastAttempts } from '../../../domain/tasks/last-attempts.ts'
import { assertAgent } from '../../agents.ts'
import { newRouter } from '../../context.ts'
import type { ApiDeps } from '../../context.ts'
import { assertPromptSize, startingPatchOf } from '../../prompt.ts'
import { assertMayPublishLater } from '../../push-right.ts'
import { defineRoute } from '../../route.ts'
import { IdParams, body, json } from '../../schemas/common.ts'
import { codexErrors } from '../errors.ts'
import { outputOf } from '../output.ts'
import { NewCodexTaskSchema, promptOf, startingDiffOf } from '../request.ts'
import { CodexCreatedSchema, CodexSiblingsSchema, CodexTaskSchema } from '../response.ts'
import { assistantTurn, lastTurn, taskDetails } from '../turn.ts'
import { productOf } from '../user-agent.ts'

const create = defineRoute({
  method: 'post',
  path: '/tasks',
  needs: { scope: 'write', permission: 'cloud.use', part: 'cloud' },
  audit: 'none',
  request: { body: body(NewCodexTaskSchema) },
  responses: { 200: json('The new task: always one that changes code', CodexCreatedSchema), ...codexErrors },
})
const read = defineRoute({
  method: 'get',
  path: '/tasks/{id}',
  needs: { scope: 'read', object: { of: 'task', to: 'see' } },
  reads: 'task',
  request: { params: IdParams },
  responses: { 200: json('The task', CodexTaskSchema), ...codexErrors },
})
const siblings = defineRoute({
  method: 'get',
  path: '/tasks/{id}/turns/{turn}/sibling_turns',
  needs: { scope: 'read', object: { of: 'task', to: 'see' } },
  reads: 'task',
  request: { params: IdParams.extend({ turn: z.string().max(1000) }) },
  responses: {
    200: json('The other attempts beside one; none beside an unknown one', CodexSiblingsSchema),
    ...codexErrors,
  },
})

export function codexTaskRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(create, async (c) => {
      const { new_task: wanted, input_items: items, metadata } = c.req.valid('json')
      const principal = c.get('principal')
      const environment = await findEnvironment(db, principal, wanted.environment_id)
      const prompt = promptOf(items)
      assertPromptSize(prompt, 'create task')
      assertAgent(environment.agent)
      await assertAllowed(db, environment)
      await assertMayPublishLater(deps, { principal, environment, mode: 'code' }, c.req.raw.signal)
      const { id } = await createTask(db, {
        environmentId: environment.id,
        creatorId: principal.userId,
        product: productOf(c.req.header('user-agent')),
        mode: 'code',
        prompt,
        agent: environment.agent,
        attempts: metadata.best_of_n,
        branch: wanted.branch,
        startingPatch: startingPatchOf(startingDiffOf(items)),
      })
      return c.json({ task: { id } }, 200)
    })
    .openapi(read, async (c) => {
      const task = c.get('task')
      const heads = (await readLastAttempts(db, [task.id])).get(task.id) ?? []
      return c.json(taskDetails(task, heads, await outputOf(db, task, lastTurn(task).current)), 200)
    })
    .openapi(siblings, async (c) => {
      const task = c.get('task')
      const { turn: wanted } = c.req.valid('param')
      const turn = task.turns.find(({ attempts }) => attempts.some((attempt) => attempt.id === wanted))
      const others = (turn?.attempts ?? []).filter((attempt) => attempt.id !== wanted)
      const found = others.map(async (attempt) => ({ attempt, output: await outputOf(db, task, attempt) }))
      const turns = (await Promise.all(found)).flatMap((each) => (turn ? [assistantTurn(task, turn, each)] : []))
      return c.json({ sibling_turns: turns }, 200)
    })
}
