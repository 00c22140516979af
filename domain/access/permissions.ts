/** Everything that a person may be given the right to. To look at what one may see needs none of them. */
export const PERMISSIONS = [
  /** Start tasks, go on with them, publish what they made. */
  'cloud.use',
  /** Use the models of this installation from a CLI or an editor. */
  'local.use',
  /** Create environments, and manage the own ones. */
  'environments.manage',
  /** Open the network for agents, where the workspace lets anybody but administrators do so. */
  'environments.internet',
  /** Use, edit and delete all environments, and see all tasks. */
  'environments.admin',
  'reviews.manage',
  'analytics.read',
  /** People, groups and roles, within the own rights. */
  'members.manage',
  /** The settings of the workspace, with its providers, credentials, keys and metrics. */
  'settings.manage',
  'audit.read',
] as const
export type Permission = (typeof PERMISSIONS)[number]

/** The roles that every installation has, the highest first. */
export const BUILT_IN_ROLES = ['owner', 'admin', 'member', 'viewer'] as const
export type BuiltInRole = (typeof BUILT_IN_ROLES)[number]

const OF_ROLE: Readonly<Record<BuiltInRole, readonly Permission[]>> = {
  owner: PERMISSIONS,
  admin: PERMISSIONS,
  member: ['cloud.use', 'local.use'],
  viewer: [],
}

/** The union of a built-in role and of what other roles give, in the order of the list. */
export function permissionsOf(role: BuiltInRole, given: readonly string[] = []): Permission[] {
  return PERMISSIONS.filter((permission) => OF_ROLE[role].includes(permission) || given.includes(permission))
}
