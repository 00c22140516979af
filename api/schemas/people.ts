import { z } from '@hono/zod-openapi'
import type { GroupHead, GroupView } from '../../domain/access/groups.ts'
import { BUILT_IN_ROLES, PERMISSIONS } from '../../domain/access/permissions.ts'
import { SCOPES } from '../../domain/access/principal.ts'
import type { RoleView } from '../../domain/access/roles.ts'
import type { UserView } from '../../domain/access/users.ts'
import { line, text } from './common.ts'

const MAX_EMAIL = 254
const name = line(100)
const description = text(2000)
const email = z.email().max(MAX_EMAIL)
const role = z.enum(BUILT_IN_ROLES).openapi({ description: 'The built-in role; groups and other roles add to it' })
const permissions = z.array(z.enum(PERMISSIONS)).refine((all) => new Set(all).size === all.length, 'must be named once')
const Named = z.object({ id: z.string(), name: z.string() })

export const NewUserSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('person'), name, email, role }),
    // A service account owns nothing: somebody must be there to answer for the workspace.
    z.strictObject({ kind: z.literal('service'), name, role: role.exclude(['owner']) }),
  ])
  .openapi('NewUser')
export const UserChangeSchema = z
  .strictObject({ name: name.optional(), role: role.optional(), disabled: z.boolean().optional() })
  .openapi('UserChange')
export const UserSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string(),
    emailVerified: z.boolean(),
    kind: z.enum(['person', 'service']),
    role,
    permissions: z.array(z.enum(PERMISSIONS)).openapi({ description: 'All that they have, from wherever' }),
    groups: z.array(Named),
    roles: z.array(Named).openapi({ description: 'Those that were given to them and not to their groups' }),
    disabled: z.boolean(),
    createdAt: z.iso.datetime(),
  })
  .openapi('User')
export const UserListSchema = z.object({ data: z.array(UserSchema) })

export const MeSchema = UserSchema.omit({ disabled: true, createdAt: true })
  .extend({ scopes: z.array(z.enum(SCOPES)).openapi({ description: 'What the token at hand may be used for' }) })
  .openapi('Me')

export const NewGroupSchema = z.strictObject({ name, description: description.optional() }).openapi('NewGroup')
export const GroupChangeSchema = NewGroupSchema.partial().openapi('GroupChange')
export const GroupHeadSchema = z
  .object({ id: z.string(), name: z.string(), description: z.string(), createdAt: z.iso.datetime() })
  .openapi('GroupHead')
export const GroupSchema = GroupHeadSchema.extend({ members: z.array(Named), roles: z.array(Named) }).openapi('Group')
export const GroupListSchema = z.object({ data: z.array(GroupHeadSchema) })

export const NewRoleSchema = z
  .strictObject({ name, description: description.optional(), permissions })
  .openapi('NewRole')
export const RoleChangeSchema = NewRoleSchema.partial().openapi('RoleChange')
export const RoleSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    permissions: z.array(z.enum(PERMISSIONS)),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Role')
export const RoleListSchema = z.object({ data: z.array(RoleSchema) })

export type UserJson = z.infer<typeof UserSchema>
export type MeJson = z.infer<typeof MeSchema>
export type UserChangeJson = z.input<typeof UserChangeSchema>
export type GroupHeadJson = z.infer<typeof GroupHeadSchema>
export type GroupJson = z.infer<typeof GroupSchema>
export type RoleJson = z.infer<typeof RoleSchema>
export type NewRoleJson = z.input<typeof NewRoleSchema>
export type RoleChangeJson = z.input<typeof RoleChangeSchema>

export function userJson({ disabledAt, createdAt, ...view }: UserView): z.infer<typeof UserSchema> {
  return { ...view, disabled: disabledAt !== null, createdAt: createdAt.toISOString() }
}

export const groupHeadJson = (view: GroupHead) => ({ ...view, createdAt: view.createdAt.toISOString() })
export const groupJson = (view: GroupView) => ({ ...view, createdAt: view.createdAt.toISOString() })
export function roleJson(view: RoleView): z.infer<typeof RoleSchema> {
  // What a role had that there is not any more gives nothing.
  const known = PERMISSIONS.filter((permission) => view.permissions.includes(permission))
  return {
    ...view,
    permissions: known,
    createdAt: view.createdAt.toISOString(),
    updatedAt: view.updatedAt.toISOString(),
  }
}
