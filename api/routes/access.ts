import type { Principal } from '../../domain/access/principal.ts'
import { createToken, listTokens, revokeToken } from '../../domain/access/tokens.ts'
import { forbidden } from '../../domain/errors.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { MadeTokenSchema, NewTokenSchema, TokenListSchema, tokenJson } from '../schemas/access.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'

const create = defineRoute({
  method: 'post',
  path: '/tokens',
  needs: { scope: 'write' },
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
  request: { params: IdParams },
  responses: { 204: { description: 'It is revoked' }, ...problems },
})

/** Tokens of oneself. */
export function tokenRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(create, async (c) => {
      const principal = c.get('principal')
      const { name, scopes, expiresAt } = c.req.valid('json')
      if (scopes.some((scope) => !principal.scopes.includes(scope))) throw forbidden()
      const expiry = expiryOf(principal, expiresAt)
      const made = await createToken(db, { userId: principal.userId, name, scopes, expiresAt: expiry })
      return c.json({ ...tokenJson(made.view), token: made.token }, 201)
    })
    .openapi(list, async (c) => {
      const { userId } = c.get('principal')
      return c.json({ data: (await listTokens(db, userId)).map(tokenJson) }, 200)
    })
    .openapi(revoke, async (c) => {
      const { userId } = c.get('principal')
      await revokeToken(db, { id: parseId(c.req.valid('param').id, 'token-not-found', 'this token'), userId })
      return c.body(null, 204)
    })
}

/** A token makes none that outlives it: whoever found one that ends soon must not keep the access. */
function expiryOf({ expiresAt: own }: Principal, wanted: string | undefined): Date | null {
  const expiry = wanted === undefined ? (own ?? null) : new Date(wanted)
  if (own === undefined || (expiry !== null && expiry <= own)) return expiry
  throw forbidden()
}
