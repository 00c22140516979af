import type { NewRoleJson } from '../api/schemas/people.ts'
import type { Client } from './client.ts'
import type { Values } from './command.ts'
import { usageError } from './errors.ts'
import type { Grantee } from './people-calls.ts'
import { findGroup, findUser } from './resolve-name.ts'

export const ROLE_OPTIONS = {
  description: { type: 'string', value: 'TEXT', help: 'what it is for' },
  permission: { type: 'string', multiple: true, value: 'PERMISSION', help: 'what it gives, as in settings.manage' },
} as const
export const GRANTEE_OPTIONS = {
  user: { type: 'string', value: 'USER', help: 'a person, by id, name or e-mail' },
  group: { type: 'string', value: 'GROUP', help: 'a group, by id or name' },
} as const

/** The server knows the permissions, and names them to whoever does not. */
export function permissionsFromFlags({ permission }: Values<typeof ROLE_OPTIONS>) {
  return permission?.filter((name) => name !== '') as NewRoleJson['permissions'] | undefined
}

/** Whom the flags name: one person or one group. */
export async function granteeFromFlags(
  client: Client,
  { user, group }: Values<typeof GRANTEE_OPTIONS>,
): Promise<{ to: Grantee; called: string }> {
  if (user !== undefined && group === undefined) {
    const { id, name } = await findUser(client, user)
    return { to: { users: id }, called: name }
  }
  if (group !== undefined && user === undefined) {
    const { id, name } = await findGroup(client, group)
    return { to: { groups: id }, called: name }
  }
  throw usageError('Cannot tell whom the role is for: name either --user or --group')
}
