import { z } from '@hono/zod-openapi'
import { readCache, refreshCache, resetCache } from '../../domain/environments/cache.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { CacheSchema, cacheJson } from '../schemas/cache.ts'
import { json, line, problems } from '../schemas/common.ts'

const params = z.object({ id: line(64).openapi({ description: 'Id or name' }) })

const read = defineRoute({
  method: 'get',
  path: '/environments/{id}/cache',
  needs: { scope: 'read', object: { of: 'environment', to: 'see' } },
  request: { params },
  responses: { 200: json('What set-up has left to start from', CacheSchema), ...problems },
})
const refresh = defineRoute({
  method: 'post',
  path: '/environments/{id}/refresh',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'cache.refresh',
  request: { params },
  responses: { 202: json('The runners set it up anew when they have room', CacheSchema), ...problems },
})
const reset = defineRoute({
  method: 'post',
  path: '/environments/{id}/reset-cache',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'cache.reset',
  request: { params },
  responses: { 200: json('The next start sets it up anew', CacheSchema), ...problems },
})

export function cacheRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(read, async (c) => {
      return c.json(cacheJson(await readCache(db, c.get('objectId'))), 200)
    })
    .openapi(refresh, async (c) => {
      const id = c.get('objectId')
      await refreshCache(db, id, c.get('principal'))
      return c.json(cacheJson(await readCache(db, id)), 202)
    })
    .openapi(reset, async (c) => {
      const id = c.get('objectId')
      await resetCache(db, id, c.get('principal'))
      return c.json(cacheJson(await readCache(db, id)), 200)
    })
}
