import { createRoute, z } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { DrydockError } from '../../domain/errors.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { json, problems } from '../schemas/common.ts'

const READY_MS = 3000

const healthz = createRoute({
  method: 'get',
  path: '/healthz',
  security: [],
  responses: { 200: json('The process is up', z.object({ status: z.literal('ok'), version: z.string() })) },
})
const readyz = createRoute({
  method: 'get',
  path: '/readyz',
  security: [],
  responses: { 200: json('The database answers', z.object({ status: z.literal('ready') })), ...problems },
})
const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  responses: {
    200: { description: 'Prometheus text', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
})

/** Health is open to all and says nothing more; metrics need the token of an administrator. */
export function healthRoutes(deps: ApiDeps) {
  return newRouter()
    .openapi(healthz, (c) => c.json({ status: 'ok' as const, version: deps.version }, 200))
    .openapi(readyz, async (c) => {
      await assertDatabase(deps)
      return c.json({ status: 'ready' as const }, 200)
    })
    .openapi(metrics, async (c) => {
      authorize(c, 'metrics.read')
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
