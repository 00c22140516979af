import type {
  GroupHeadJson,
  GroupJson,
  NewRoleJson,
  RoleChangeJson,
  RoleJson,
  UserChangeJson,
  UserJson,
} from '../api/schemas/people.ts'
import type { NewSignInProviderJson, SignInProviderChangeJson, SignInProviderJson } from '../api/schemas/sign-in.ts'
import type { Caller } from './client.ts'
import { CliError } from './errors.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'

/** Whom a role is given to: a person or a group, by id. */
export type Grantee = { users: string } | { groups: string }

/** What administrators ask about people, groups, roles and where people sign in. */
export function peopleCalls(call: Caller, signal: AbortSignal) {
  const json = jsonCaller(call, signal)
  const gone = async (path: string) => void (await call({ method: 'DELETE', path }, signal))
  const provider = (name: string) => `/sign-in-providers/${segment(name)}`
  const member = (group: string, user: string) => `/groups/${segment(group)}/members/${segment(user)}`
  const grant = (role: string, to: Grantee) => {
    const [kind = '', id = ''] = Object.entries(to)[0] ?? []
    return `/roles/${segment(role)}/${kind}/${segment(id)}`
  }
  return {
    listUsers: () => json<{ data: UserJson[] }>({ path: '/users' }),
    updateUser: (id: string, body: UserChangeJson) =>
      json<UserJson>({ method: 'PATCH', path: `/users/${segment(id)}`, body }),
    listGroups: () => json<{ data: GroupHeadJson[] }>({ path: '/groups' }),
    createGroup: (body: { name: string; description?: string }) =>
      json<GroupJson>({ method: 'POST', path: '/groups', body }),
    deleteGroup: (id: string) => gone(`/groups/${segment(id)}`),
    addMember: (group: string, user: string) => json<GroupJson>({ method: 'PUT', path: member(group, user) }),
    removeMember: (group: string, user: string) => gone(member(group, user)),
    listRoles: () => json<{ data: RoleJson[] }>({ path: '/roles' }),
    createRole: (body: NewRoleJson) => json<RoleJson>({ method: 'POST', path: '/roles', body }),
    updateRole: (id: string, body: RoleChangeJson) =>
      json<RoleJson>({ method: 'PATCH', path: `/roles/${segment(id)}`, body }),
    deleteRole: (id: string) => gone(`/roles/${segment(id)}`),
    grantRole: async (role: string, to: Grantee) => void (await call({ method: 'PUT', path: grant(role, to) }, signal)),
    revokeRole: (role: string, to: Grantee) => gone(grant(role, to)),
    listSignInProviders: () => json<{ data: SignInProviderJson[] }>({ path: '/sign-in-providers' }),
    createSignInProvider: (body: NewSignInProviderJson) =>
      json<SignInProviderJson>({ method: 'POST', path: '/sign-in-providers', body }),
    updateSignInProvider: (name: string, body: SignInProviderChangeJson) =>
      json<SignInProviderJson>({ method: 'PATCH', path: provider(name), body }),
    deleteSignInProvider: (name: string) => gone(provider(name)),
    exportUser: async (id: string) => {
      const { body } = await call({ path: `/users/${segment(id)}/export` }, signal)
      if (body === null) throw new CliError('internal', 'Cannot export the person: the answer has no body')
      return body
    },
    deleteUser: (id: string) => gone(`/users/${segment(id)}`),
  }
}
