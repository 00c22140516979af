import { createRoute, z } from '@hono/zod-openapi'
import { readCache, refreshCache, resetCache } from '../../domain/environments/cache.ts'
import { findEnvironment } from '../../domain/environments/environments.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { CacheSchema, cacheJson } from '../schemas/cache.ts'
import { json, line, problems } from '../schemas/common.ts'

const params = z.object({ id: line(64).openapi({ description: 'Id or name' }) })

const read = createRoute({
  method: 'get',
  path: '/environments/{id}/cache',
  request: { params },
  responses: { 200: json('What set-up has left to start from', CacheSchema), ...problems },
})
const refresh = createRoute({
  method: 'post',
  path: '/environments/{id}/refresh',
  request: { params },
  responses: { 202: json('The runners set it up anew when they have room', CacheSchema), ...problems },
})
const reset = createRoute({
  method: 'post',
  path: '/environments/{id}/reset-cache',
  request: { params },
  responses: { 200: json('The next start sets it up anew', CacheSchema), ...problems },
})

export function cacheRoutes({ db }: ApiDeps) {
  return newRouter()
    .openapi(read, async (c) => {
      authorize(c, 'environments.read')
      const { id } = await findEnvironment(db, c.req.valid('param').id)
      return c.json(cacheJson(await readCache(db, id)), 200)
    })
    .openapi(refresh, async (c) => {
      const { name } = authorize(c, 'environments.write')
      const { id } = await findEnvironment(db, c.req.valid('param').id)
      await refreshCache(db, id, name)
      return c.json(cacheJson(await readCache(db, id)), 202)
    })
    .openapi(reset, async (c) => {
      const { name } = authorize(c, 'environments.write')
      const { id } = await findEnvironment(db, c.req.valid('param').id)
      await resetCache(db, id, name)
      return c.json(cacheJson(await readCache(db, id)), 200)
    })
}
