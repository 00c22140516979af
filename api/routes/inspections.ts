import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { inspect } from '../inspect.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import { InspectionRequestSchema, InspectionSchema } from '../schemas/inspection.ts'
import { checkedRepository } from './environments.ts'

const inspection = defineRoute({
  method: 'post',
  path: '/repositories/inspect',
  needs: { scope: 'admin', permission: 'environments.manage' },
  audit: 'none',
  request: { body: body(InspectionRequestSchema) },
  responses: { 200: json('What the default branch proposes for an environment', InspectionSchema), ...problems },
})

export function inspectionRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(inspection, async (c) => {
    const repository = await checkedRepository(deps, c.req.valid('json').repository)
    return c.json(await inspect(deps, repository, c.req.raw.signal), 200)
  })
}
