import { z } from '@hono/zod-openapi'
import {
  addMember,
  createGroup,
  deleteGroup,
  listGroups,
  readGroup,
  removeMember,
  updateGroup,
} from '../../domain/access/groups.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { LOOK_AT_MEMBERS, MANAGE_MEMBERS, defineRoute } from '../route.ts'
import { IdParams, body, json, parseId, problems } from '../schemas/common.ts'
import {
  GroupChangeSchema,
  GroupListSchema,
  GroupSchema,
  NewGroupSchema,
  groupHeadJson,
  groupJson,
} from '../schemas/people.ts'

const MemberParams = IdParams.extend({ user: z.string().max(1000) })

const list = defineRoute({
  method: 'get',
  path: '/groups',
  needs: { scope: 'read' },
  responses: { 200: json('The groups that one sees: all, or the own ones', GroupListSchema), ...problems },
})
const create = defineRoute({
  method: 'post',
  path: '/groups',
  needs: MANAGE_MEMBERS,
  audit: 'group.create',
  request: { body: body(NewGroupSchema) },
  responses: { 201: json('The new group', GroupSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/groups/{id}',
  needs: LOOK_AT_MEMBERS,
  request: { params: IdParams },
  responses: { 200: json('The group with its members and roles', GroupSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/groups/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'group.update',
  request: { params: IdParams, body: body(GroupChangeSchema) },
  responses: { 200: json('The group with the changes', GroupSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/groups/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'group.delete',
  request: { params: IdParams },
  responses: { 204: { description: 'It is gone, with what its members had by it' }, ...problems },
})
const join = defineRoute({
  method: 'put',
  path: '/groups/{id}/members/{user}',
  needs: MANAGE_MEMBERS,
  audit: 'group.add-member',
  request: { params: MemberParams },
  responses: { 200: json('The group with this member', GroupSchema), ...problems },
})
const leave = defineRoute({
  method: 'delete',
  path: '/groups/{id}/members/{user}',
  needs: MANAGE_MEMBERS,
  audit: 'group.remove-member',
  request: { params: MemberParams },
  responses: { 204: { description: 'They are no member' }, ...problems },
})

/** Groups of people, within the rights of who asks. */
export function groupRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => {
      return c.json({ data: (await listGroups(db, c.get('principal'))).map(groupHeadJson) }, 200)
    })
    .openapi(create, async (c) =>
      c.json(groupJson(await createGroup(db, c.get('principal'), c.req.valid('json'))), 201),
    )
    .openapi(read, async (c) => c.json(groupJson(await readGroup(db, groupId(c.req.valid('param').id))), 200))
    .openapi(update, async (c) => {
      const asked = { id: groupId(c.req.valid('param').id), change: c.req.valid('json') }
      return c.json(groupJson(await updateGroup(db, c.get('principal'), asked)), 200)
    })
    .openapi(remove, async (c) => {
      await deleteGroup(db, c.get('principal'), groupId(c.req.valid('param').id))
      return c.body(null, 204)
    })
    .openapi(join, async (c) => {
      const membership = membershipOf(c.req.valid('param'))
      await addMember(db, c.get('principal'), membership)
      return c.json(groupJson(await readGroup(db, membership.groupId)), 200)
    })
    .openapi(leave, async (c) => {
      await removeMember(db, c.get('principal'), membershipOf(c.req.valid('param')))
      return c.body(null, 204)
    })
}

const groupId = (text: string) => parseId(text, 'group-not-found', 'this group')
const membershipOf = ({ id, user }: { id: string; user: string }) => ({
  groupId: groupId(id),
  userId: parseId(user, 'user-not-found', 'this user'),
})
