import { z } from '@hono/zod-openapi'
import { assertWithin } from '../../domain/access/giving.ts'
import { endSessionsOf } from '../../domain/access/sessions.ts'
import { listTokens, revokeToken } from '../../domain/access/tokens.ts'
import { createUser, findUser, listUsers } from '../../domain/access/users.ts'
import { updatePerson } from '../../domain/people/update-person.ts'
import type { Principal } from '../../domain/access/principal.ts'
import { DrydockError } from '../../domain/errors.ts'
import { listForgeLogins, unlinkForgeLogin } from '../../domain/people/forge-logins.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { makeToken } from '../make-token.ts'
import { LOOK_AT_MEMBERS, MANAGE_MEMBERS, defineRoute } from '../route.ts'
import { MadeTokenSchema, NewTokenSchema, TokenListSchema, tokenJson } from '../schemas/access.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'
import { ForgeLoginListSchema, HostParams, forgeLoginJson } from '../schemas/forge-login.ts'
import { NewUserSchema, UserChangeSchema, UserListSchema, UserSchema, userJson } from '../schemas/people.ts'

const list = defineRoute({
  method: 'get',
  path: '/users',
  needs: LOOK_AT_MEMBERS,
  responses: { 200: json('All people and service accounts by name', UserListSchema), ...problems },
})
const create = defineRoute({
  method: 'post',
  path: '/users',
  needs: MANAGE_MEMBERS,
  audit: 'user.create',
  request: { body: body(NewUserSchema) },
  responses: { 201: json('The new person or service account', UserSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/users/{id}',
  needs: LOOK_AT_MEMBERS,
  request: { params: IdParams },
  responses: { 200: json('The person or service account', UserSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/users/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'user.update',
  request: { params: IdParams, body: body(UserChangeSchema) },
  responses: { 200: json('The person with the changes', UserSchema), ...problems },
})
const token = defineRoute({
  method: 'post',
  path: '/users/{id}/tokens',
  needs: MANAGE_MEMBERS,
  audit: 'token.create',
  request: { params: IdParams, body: body(NewTokenSchema) },
  responses: { 201: json("A service account's token; its text is shown this once", MadeTokenSchema), ...problems },
})
const tokens = defineRoute({
  method: 'get',
  path: '/users/{id}/tokens',
  needs: LOOK_AT_MEMBERS,
  request: { params: IdParams },
  responses: {
    200: json('The tokens of a person or service account, without their texts', TokenListSchema),
    ...problems,
  },
})
const revoke = defineRoute({
  method: 'delete',
  path: '/users/{id}/tokens/{token}',
  needs: MANAGE_MEMBERS,
  audit: 'token.revoke',
  request: { params: IdParams.extend({ token: z.string().max(1000) }) },
  responses: { 204: { description: 'It is revoked' }, ...problems },
})
const signOut = defineRoute({
  method: 'delete',
  path: '/users/{id}/sessions',
  needs: MANAGE_MEMBERS,
  audit: 'user.sign-out',
  request: { params: IdParams },
  responses: { 204: { description: 'They are signed out everywhere' }, ...problems },
})
const forgeLogins = defineRoute({
  method: 'get',
  path: '/users/{id}/forge-logins',
  needs: LOOK_AT_MEMBERS,
  request: { params: IdParams },
  responses: { 200: json('Who they are on forges', ForgeLoginListSchema), ...problems },
})
const unlink = defineRoute({
  method: 'delete',
  path: '/users/{id}/forge-logins/{host}',
  needs: MANAGE_MEMBERS,
  audit: 'forge-login.unlink',
  request: { params: IdParams.extend(HostParams.shape) },
  responses: { 204: { description: 'It is not linked any more' }, ...problems },
})

/** People and service accounts, within the rights of who asks. */
export function userRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => c.json({ data: (await listUsers(db)).map(userJson) }, 200))
    .openapi(create, async (c) => {
      const input = { email: '', ...c.req.valid('json') }
      return c.json(userJson(await createUser(db, c.get('principal'), input)), 201)
    })
    .openapi(read, async (c) => c.json(userJson(await findUser(db, userId(c.req.valid('param').id))), 200))
    .openapi(update, async (c) => {
      const asked = { userId: userId(c.req.valid('param').id), change: c.req.valid('json') }
      return c.json(userJson(await updatePerson(db, c.get('principal'), asked)), 200)
    })
    .openapi(token, async (c) => {
      const principal = c.get('principal')
      // Whoever holds the token is the account.
      const { id, name: who, kind } = await findHandled(deps, principal, c.req.valid('param').id)
      if (kind !== 'service') {
        throw new DrydockError('invalid-request', `Cannot make a token for "${who}": people make their own`)
      }
      return c.json(await makeToken(deps, principal, { userId: id, ...c.req.valid('json') }), 201)
    })
    .openapi(tokens, async (c) => {
      const { id } = await findUser(db, userId(c.req.valid('param').id))
      return c.json({ data: (await listTokens(db, id)).map(tokenJson) }, 200)
    })
    .openapi(revoke, async (c) => {
      const { id, token: tokenId } = c.req.valid('param')
      const by = c.get('principal')
      const { id: owner } = await findHandled(deps, by, id)
      await revokeToken(db, { id: parseId(tokenId, 'token-not-found', 'this token'), userId: owner, by })
      return c.body(null, 204)
    })
    .openapi(signOut, async (c) => {
      const by = c.get('principal')
      const { id, name: who } = await findHandled(deps, by, c.req.valid('param').id)
      await endSessionsOf(db, { userId: id, name: who }, by)
      return c.body(null, 204)
    })
    .openapi(forgeLogins, async (c) => {
      const { id } = await findUser(db, userId(c.req.valid('param').id))
      return c.json({ data: (await listForgeLogins(db, id)).map(forgeLoginJson) }, 200)
    })
    .openapi(unlink, async (c) => {
      const { id, host } = c.req.valid('param')
      const by = c.get('principal')
      await unlinkForgeLogin(db, { by, user: await findHandled(deps, by, id), host })
      return c.body(null, 204)
    })
}

/** Somebody within the own rights. */
async function findHandled({ db }: Pick<ApiDeps, 'db'>, principal: Principal, id: string) {
  const user = await findUser(db, userId(id))
  assertWithin(principal, user.role, user.permissions)
  return user
}

const userId = (text: string) => parseId(text, 'user-not-found', 'this user')
