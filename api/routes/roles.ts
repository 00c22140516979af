import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import {
  createRole,
  deleteRole,
  findRole,
  grantRole,
  listRoles,
  revokeRole,
  updateRole,
} from '../../domain/access/roles.ts'
import type { Grantee } from '../../domain/access/roles.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import { LOOK_AT_MEMBERS, MANAGE_MEMBERS, defineRoute } from '../route.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'
import { NewRoleSchema, RoleChangeSchema, RoleListSchema, RoleSchema, roleJson } from '../schemas/people.ts'

const UserParams = IdParams.extend({ user: z.string().max(1000) })
const GroupParams = IdParams.extend({ group: z.string().max(1000) })
const given = { 204: { description: 'They have the role' }, ...problems }
const taken = { 204: { description: 'They do not have the role, unless from elsewhere' }, ...problems }

const list = defineRoute({
  method: 'get',
  path: '/roles',
  needs: LOOK_AT_MEMBERS,
  responses: { 200: json('The roles beside the built-in ones', RoleListSchema), ...problems },
})
const create = defineRoute({
  method: 'post',
  path: '/roles',
  needs: MANAGE_MEMBERS,
  audit: 'role.create',
  request: { body: body(NewRoleSchema) },
  responses: { 201: json('The new role', RoleSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/roles/{id}',
  needs: LOOK_AT_MEMBERS,
  request: { params: IdParams },
  responses: { 200: json('The role', RoleSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/roles/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'role.update',
  request: { params: IdParams, body: body(RoleChangeSchema) },
  responses: { 200: json('The role with the changes', RoleSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/roles/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'role.delete',
  request: { params: IdParams },
  responses: { 204: { description: 'It is gone, and nobody has it' }, ...problems },
})
const grantToUser = defineRoute({
  method: 'put',
  path: '/roles/{id}/users/{user}',
  needs: MANAGE_MEMBERS,
  audit: 'role.grant',
  request: { params: UserParams },
  responses: given,
})
const revokeFromUser = defineRoute({
  method: 'delete',
  path: '/roles/{id}/users/{user}',
  needs: MANAGE_MEMBERS,
  audit: 'role.revoke',
  request: { params: UserParams },
  responses: taken,
})
const grantToGroup = defineRoute({
  method: 'put',
  path: '/roles/{id}/groups/{group}',
  needs: MANAGE_MEMBERS,
  audit: 'role.grant',
  request: { params: GroupParams },
  responses: given,
})
const revokeFromGroup = defineRoute({
  method: 'delete',
  path: '/roles/{id}/groups/{group}',
  needs: MANAGE_MEMBERS,
  audit: 'role.revoke',
  request: { params: GroupParams },
  responses: taken,
})

/** Roles beside the built-in ones, within the rights of who asks. */
export function roleRoutes(deps: ApiDeps) {
  const { db } = deps
  const give = async (c: Context<ApiEnv>, named: NamedGrant) => {
    await grantRole(db, c.get('principal'), grantOf(named))
    return c.body(null, 204)
  }
  const take = async (c: Context<ApiEnv>, named: NamedGrant) => {
    await revokeRole(db, c.get('principal'), grantOf(named))
    return c.body(null, 204)
  }
  return newRouter(deps)
    .openapi(list, async (c) => c.json({ data: (await listRoles(db)).map(roleJson) }, 200))
    .openapi(create, async (c) => c.json(roleJson(await createRole(db, c.get('principal'), c.req.valid('json'))), 201))
    .openapi(read, async (c) => c.json(roleJson(await findRole(db, roleId(c.req.valid('param').id))), 200))
    .openapi(update, async (c) => {
      const asked = { id: roleId(c.req.valid('param').id), change: c.req.valid('json') }
      return c.json(roleJson(await updateRole(db, c.get('principal'), asked)), 200)
    })
    .openapi(remove, async (c) => {
      await deleteRole(db, c.get('principal'), roleId(c.req.valid('param').id))
      return c.body(null, 204)
    })
    .openapi(grantToUser, (c) => give(c, c.req.valid('param')))
    .openapi(revokeFromUser, (c) => take(c, c.req.valid('param')))
    .openapi(grantToGroup, (c) => give(c, c.req.valid('param')))
    .openapi(revokeFromGroup, (c) => take(c, c.req.valid('param')))
}

const roleId = (text: string) => parseId(text, 'role-not-found', 'this role')

type NamedGrant = { id: string; user: string } | { id: string; group: string }

function grantOf(named: NamedGrant): { roleId: string; to: Grantee } {
  const to: Grantee =
    'user' in named
      ? { userId: parseId(named.user, 'user-not-found', 'this user') }
      : { groupId: parseId(named.group, 'group-not-found', 'this group') }
  return { roleId: roleId(named.id), to }
}
