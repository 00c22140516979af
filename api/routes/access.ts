import { createRoute } from '@hono/zod-openapi'
import type { Principal } from '../../domain/access/can.ts'
import { createToken, listTokens, revokeToken } from '../../domain/access/tokens.ts'
import { DrydockError } from '../../domain/errors.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { MadeTokenSchema, NewTokenSchema, TokenListSchema, tokenJson } from '../schemas/access.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'

const create = createRoute({
  method: 'post',
  path: '/tokens',
  request: { body: body(NewTokenSchema) },
  responses: { 201: json('The token; its text is shown this once', MadeTokenSchema), ...problems },
})
const list = createRoute({
  method: 'get',
  path: '/tokens',
  responses: { 200: json('Your own tokens', TokenListSchema), ...problems },
})
const revoke = createRoute({
  method: 'delete',
  path: '/tokens/{id}',
  request: { params: IdParams },
  responses: { 204: { description: 'It is revoked' }, ...problems },
})

/** Tokens of oneself. */
export function tokenRoutes({ db }: ApiDeps) {
  return newRouter()
    .openapi(create, async (c) => {
      const principal = authorize(c, 'tokens.write')
      const { name, scopes, expiresAt } = c.req.valid('json')
      const excess = scopes.filter((scope) => !principal.scopes.includes(scope))
      if (excess.length > 0) {
        throw new DrydockError('forbidden', `Cannot make this token: yours lacks the scope "${excess.join('", "')}"`)
      }
      const expiry = expiryOf(principal, expiresAt)
      const made = await createToken(db, { userId: principal.userId, name, scopes, expiresAt: expiry })
      return c.json({ ...tokenJson(made.view), token: made.token }, 201)
    })
    .openapi(list, async (c) => {
      const { userId } = authorize(c, 'tokens.read')
      return c.json({ data: (await listTokens(db, userId)).map(tokenJson) }, 200)
    })
    .openapi(revoke, async (c) => {
      const { userId } = authorize(c, 'tokens.write')
      await revokeToken(db, { id: parseId(c.req.valid('param').id, 'token-not-found', 'this token'), userId })
      return c.body(null, 204)
    })
}

/** A token makes none that outlives it: whoever found one that ends soon must not keep the access. */
function expiryOf({ expiresAt: own }: Principal, wanted: string | undefined): Date | null {
  const expiry = wanted === undefined ? (own ?? null) : new Date(wanted)
  if (own === undefined || (expiry !== null && expiry <= own)) return expiry
  throw new DrydockError('forbidden', `Cannot make this token: yours ends ${own.toISOString()}, before it would`)
}
