import { z } from '@hono/zod-openapi'
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
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'
import { NewRoleSchema, RoleChangeSchema, RoleListSchema, RoleSchema, roleJson } from '../schemas/people.ts'

const LOOK = { scope: 'read', permission: 'members.manage' } as const
const CHANGE = { scope: 'admin', permission: 'members.manage' } as const
const UserParams = IdParams.extend({ user: z.string().max(1000) })
const GroupParams = IdParams.extend({ group: z.string().max(1000) })
const given = { 204: { description: 'They have the role' }, ...problems }
const taken = { 204: { description: 'They do not have the role, unless from elsewhere' }, ...problems }

const list = defineRoute({
  method: 'get',
  path: '/roles',
  needs: LOOK,
  responses: { 200: json('The roles beside the built-in ones', RoleListSchema), ...problems },
})
const create = defineRoute({
  method: 'post',
  path: '/roles',
  needs: CHANGE,
  request: { body: body(NewRoleSchema) },
  responses: { 201: json('The new role', RoleSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/roles/{id}',
  needs: LOOK,
  request: { params: IdParams },
  responses: { 200: json('The role', RoleSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/roles/{id}',
  needs: CHANGE,
  request: { params: IdParams, body: body(RoleChangeSchema) },
  responses: { 200: json('The role with the changes', RoleSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/roles/{id}',
  needs: CHANGE,
  request: { params: IdParams },
  responses: { 204: { description: 'It is gone, and nobody has it' }, ...problems },
})
const grantToUser = defineRoute({
  method: 'put',
  path: '/roles/{id}/users/{user}',
  needs: CHANGE,
  request: { params: UserParams },
  responses: given,
})
const revokeFromUser = defineRoute({
  method: 'delete',
  path: '/roles/{id}/users/{user}',
  needs: CHANGE,
  request: { params: UserParams },
  responses: taken,
})
const grantToGroup = defineRoute({
  method: 'put',
  path: '/roles/{id}/groups/{group}',
  needs: CHANGE,
  request: { params: GroupParams },
  responses: given,
})
const revokeFromGroup = defineRoute({
  method: 'delete',
  path: '/roles/{id}/groups/{group}',
  needs: CHANGE,
  request: { params: GroupParams },
  responses: taken,
})

/** Roles beside the built-in ones, within the rights of who asks. */
export function roleRoutes(deps: ApiDeps) {
  const { db } = deps
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
    .openapi(grantToUser, async (c) => {
      await grantRole(db, c.get('principal'), grantOf(c.req.valid('param')))
      return c.body(null, 204)
    })
    .openapi(revokeFromUser, async (c) => {
      await revokeRole(db, c.get('principal'), grantOf(c.req.valid('param')))
      return c.body(null, 204)
    })
    .openapi(grantToGroup, async (c) => {
      await grantRole(db, c.get('principal'), grantOf(c.req.valid('param')))
      return c.body(null, 204)
    })
    .openapi(revokeFromGroup, async (c) => {
      await revokeRole(db, c.get('principal'), grantOf(c.req.valid('param')))
      return c.body(null, 204)
    })
}

const roleId = (text: string) => parseId(text, 'role-not-found', 'this role')

function grantOf(named: { id: string; user: string } | { id: string; group: string }): { roleId: string; to: Grantee } {
  const to: Grantee =
    'user' in named
      ? { userId: parseId(named.user, 'user-not-found', 'this user') }
      : { groupId: parseId(named.group, 'group-not-found', 'this group') }
  return { roleId: roleId(named.id), to }
}
