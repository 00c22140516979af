import { findUser } from '../../domain/access/users.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { json, problems } from '../schemas/common.ts'
import { MeSchema } from '../schemas/people.ts'

const me = defineRoute({
  method: 'get',
  path: '/me',
  needs: 'anyone',
  responses: { 200: json('Who asks, and what they may do', MeSchema), ...problems },
})

export function meRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(me, async (c) => {
    const { userId, scopes } = c.get('principal')
    const { id, name, email, emailVerified, kind, role, permissions, groups, roles } = await findUser(deps.db, userId)
    const who = { id, name, email, emailVerified, kind, role }
    return c.json({ ...who, permissions, groups, roles, scopes: [...scopes] }, 200)
  })
}
