import { createRoute } from '@hono/zod-openapi'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { inspect } from '../inspect.ts'
import { body, json, problems } from '../schemas/common.ts'
import { InspectionRequestSchema, InspectionSchema } from '../schemas/inspection.ts'
import { checkedRepository } from './environments.ts'

const inspection = createRoute({
  method: 'post',
  path: '/repositories/inspect',
  request: { body: body(InspectionRequestSchema) },
  responses: { 200: json('What the default branch proposes for an environment', InspectionSchema), ...problems },
})

export function inspectionRoutes(deps: ApiDeps) {
  return newRouter().openapi(inspection, async (c) => {
    authorize(c, 'environments.write')
    const repository = await checkedRepository(deps, c.req.valid('json').repository)
    return c.json(await inspect(deps, repository, c.req.raw.signal), 200)
  })
}
