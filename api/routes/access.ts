import { listTokens, revokeToken } from '../../domain/access/tokens.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { makeToken } from '../make-token.ts'
import { MadeTokenSchema, NewTokenSchema, TokenListSchema, tokenJson } from '../schemas/access.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'

const create = defineRoute({
  method: 'post',
  path: '/tokens',
  needs: { scope: 'write' },
  audit: 'token.create',
  request: { body: body(NewTokenSchema) },
  responses: { 201: json('The token; its text is shown this once', MadeTokenSchema), ...problems },
})
const list = defineRoute({
  method: 'get',
  path: '/tokens',
  needs: { scope: 'read' },
  responses: { 200: json('Your own tokens', TokenListSchema), ...problems },
})
const revoke = defineRoute({
  method: 'delete',
  path: '/tokens/{id}',
  needs: { scope: 'write' },
  audit: 'token.revoke',
  request: { params: IdParams },
  responses: { 204: { description: 'It is revoked' }, ...problems },
})

/** Tokens of oneself. */
export function tokenRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(create, async (c) => {
      const principal = c.get('principal')
      return c.json(await makeToken(deps, principal, { userId: principal.userId, ...c.req.valid('json') }), 201)
    })
    .openapi(list, async (c) => {
      const { userId } = c.get('principal')
      return c.json({ data: (await listTokens(db, userId)).map(tokenJson) }, 200)
    })
    .openapi(revoke, async (c) => {
      const by = c.get('principal')
      const id = parseId(c.req.valid('param').id, 'token-not-found', 'this token')
      await revokeToken(db, { id, userId: by.userId, by })
      return c.body(null, 204)
    })
}
