import type { CommandEntry } from './commands.ts'

/** The commands about people, by what is typed. */
export const PEOPLE_COMMANDS: Readonly<Record<string, CommandEntry>> = {
  'forge link': {
    summary: 'show the server who you are on GitHub',
    load: async () => (await import('../cli/commands/forge/link.ts')).linkLogin,
  },
  'forge list': {
    summary: 'list who you are on forges',
    load: async () => (await import('../cli/commands/forge/list.ts')).listLogins,
  },
  'forge unlink': {
    summary: 'let the server forget who you are on a forge',
    load: async () => (await import('../cli/commands/forge/unlink.ts')).unlinkLogin,
  },
  'sign-in list': {
    summary: 'list where people sign in',
    load: async () => (await import('../cli/commands/sign-in/list.ts')).listSignIn,
  },
  'sign-in add': {
    summary: 'add a provider where people sign in',
    load: async () => (await import('../cli/commands/sign-in/add.ts')).addSignIn,
  },
  'sign-in set': {
    summary: 'change a provider where people sign in',
    load: async () => (await import('../cli/commands/sign-in/set.ts')).setSignIn,
  },
  'sign-in remove': {
    summary: 'remove a provider where people sign in',
    load: async () => (await import('../cli/commands/sign-in/remove.ts')).removeSignIn,
  },
  'user list': {
    summary: 'list people and service accounts',
    load: async () => (await import('../cli/commands/user/list.ts')).listUsers,
  },
  'user set': {
    summary: 'change a name or role, or let somebody in again',
    load: async () => (await import('../cli/commands/user/set.ts')).setUser,
  },
  'user disable': {
    summary: 'keep somebody out',
    load: async () => (await import('../cli/commands/user/disable.ts')).disableUser,
  },
  'user export': {
    summary: 'write all that is kept about a person into a file',
    load: async () => (await import('../cli/commands/user/export.ts')).exportUser,
  },
  'user delete': {
    summary: 'delete a person, with what is in their tasks',
    load: async () => (await import('../cli/commands/user/delete.ts')).deleteUser,
  },
  'group list': {
    summary: 'list the groups',
    load: async () => (await import('../cli/commands/group/list.ts')).listGroups,
  },
  'group create': {
    summary: 'make a group',
    load: async () => (await import('../cli/commands/group/create.ts')).createGroup,
  },
  'group add': {
    summary: 'put a person into a group',
    load: async () => (await import('../cli/commands/group/add.ts')).addToGroup,
  },
  'group remove': {
    summary: 'take a person out of a group',
    load: async () => (await import('../cli/commands/group/remove.ts')).removeFromGroup,
  },
  'group delete': {
    summary: 'remove a group',
    load: async () => (await import('../cli/commands/group/delete.ts')).deleteGroup,
  },
  'role list': {
    summary: 'list the roles beside the built-in ones',
    load: async () => (await import('../cli/commands/role/list.ts')).listRoles,
  },
  'role create': {
    summary: 'make a role',
    load: async () => (await import('../cli/commands/role/create.ts')).createRole,
  },
  'role set': {
    summary: 'change a role',
    load: async () => (await import('../cli/commands/role/set.ts')).setRole,
  },
  'role delete': {
    summary: 'remove a role',
    load: async () => (await import('../cli/commands/role/delete.ts')).deleteRole,
  },
  'role grant': {
    summary: 'give a role to a person or a group',
    load: async () => (await import('../cli/commands/role/grant.ts')).grantRole,
  },
  'role revoke': {
    summary: 'take a role from a person or a group',
    load: async () => (await import('../cli/commands/role/revoke.ts')).revokeRole,
  },
}
