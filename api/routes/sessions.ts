import { endSession, listSessions } from '../../domain/access/sessions.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { IdParams, json, parseId, problems } from '../schemas/common.ts'
import { SessionListSchema, sessionJson } from '../schemas/sign-in.ts'

const list = defineRoute({
  method: 'get',
  path: '/sessions',
  needs: { scope: 'read' },
  responses: { 200: json('Where one is signed in, the last used first', SessionListSchema), ...problems },
})
const end = defineRoute({
  method: 'delete',
  path: '/sessions/{id}',
  needs: { scope: 'write' },
  audit: 'none',
  request: { params: IdParams },
  responses: { 204: { description: 'It is over' }, ...problems },
})

/** Sessions of oneself. */
export function sessionRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => {
      const { userId, sessionId } = c.get('principal')
      const data = (await listSessions(db, userId)).map((view) => sessionJson(view, sessionId))
      return c.json({ data }, 200)
    })
    .openapi(end, async (c) => {
      const { userId } = c.get('principal')
      await endSession(db, { id: parseId(c.req.valid('param').id, 'session-not-found', 'this session'), userId })
      return c.body(null, 204)
    })
}
