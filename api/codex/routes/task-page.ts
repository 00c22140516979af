import { z } from '@hono/zod-openapi'
import { newRouter } from '../../context.ts'
import type { ApiDeps } from '../../context.ts'
import { defineRoute } from '../../route.ts'
import { IdParams, parseId } from '../../schemas/common.ts'

const page = defineRoute({
  method: 'get',
  path: '/codex/tasks/{id}',
  needs: 'nobody',
  security: [],
  request: { params: IdParams },
  responses: {
    200: { description: 'How to see a task', content: { 'text/plain': { schema: z.string() } } },
  },
})

/** Where the links lead that the Codex CLI prints. Says the same of every id: whoever opens one has shown no token. */
export function taskPageRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(page, (c) => {
    const id = parseId(c.req.valid('param').id, 'task-not-found', 'this task')
    return c.text(
      `This is task ${id}. Look at it with:\n\n  drydock status ${id}\n  drydock logs -f ${id}\n  drydock diff ${id}\n`,
    )
  })
}
