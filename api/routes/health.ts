import { z } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { DrydockError } from '../../domain/errors.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { json, problems } from '../schemas/common.ts'

const READY_MS = 3000

const healthz = defineRoute({
  method: 'get',
  path: '/healthz',
  needs: 'nobody',
  security: [],
  responses: { 200: json('The process is up', z.object({ status: z.literal('ok'), version: z.string() })) },
})
const readyz = defineRoute({
  method: 'get',
  path: '/readyz',
  needs: 'nobody',
  security: [],
  responses: { 200: json('The database answers', z.object({ status: z.literal('ready') })), ...problems },
})
const metrics = defineRoute({
  method: 'get',
  path: '/metrics',
  needs: { scope: 'read', permission: 'settings.manage' },
  responses: {
    200: { description: 'Prometheus text', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
})

/** Health is open to all and says nothing more; metrics need the right to the settings. */
export function healthRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(healthz, (c) => c.json({ status: 'ok' as const, version: deps.version }, 200))
    .openapi(readyz, async (c) => {
      await assertDatabase(deps)
      return c.json({ status: 'ready' as const }, 200)
    })
    .openapi(metrics, async (c) => {
      return c.text(await deps.metrics.render(deps.db), 200, { 'content-type': deps.metrics.contentType })
    })
}

async function assertDatabase({ db }: Pick<ApiDeps, 'db'>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${READY_MS} ms`)), READY_MS)
  })
  try {
    await Promise.race([db.execute(sql`select 1`), late])
  } catch (error) {
    throw new DrydockError('database-unavailable', 'Cannot serve: the database does not answer', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
