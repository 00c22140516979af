export const ROLES = ['admin', 'member'] as const
export type Role = (typeof ROLES)[number]

/** What a token may be used for: `read` looks, `write` makes and changes tasks, `admin` does what only administrators may. */
export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Who is asking, and with what. */
export type Principal = {
  userId: string
  name: string
  role: Role
  scopes: readonly Scope[]
  tokenId: string
  /** When the token ends; absent for one that does not. */
  expiresAt?: Date
}

const ACTIONS = {
  'tasks.read': { scope: 'read', role: 'member' },
  'tasks.read-all': { scope: 'read', role: 'admin' },
  'tasks.write': { scope: 'write', role: 'member' },
  'environments.read': { scope: 'read', role: 'member' },
  'environments.write': { scope: 'admin', role: 'admin' },
  'repositories.read': { scope: 'read', role: 'member' },
  'settings.read': { scope: 'read', role: 'admin' },
  'settings.write': { scope: 'admin', role: 'admin' },
  'providers.read': { scope: 'read', role: 'admin' },
  'providers.write': { scope: 'admin', role: 'admin' },
  'credentials.read': { scope: 'read', role: 'admin' },
  'credentials.write': { scope: 'admin', role: 'admin' },
  'keys.write': { scope: 'admin', role: 'admin' },
  'tokens.read': { scope: 'read', role: 'member' },
  'tokens.write': { scope: 'write', role: 'member' },
  'metrics.read': { scope: 'read', role: 'admin' },
} as const satisfies Record<string, { scope: Scope; role: Role }>
export type Action = keyof typeof ACTIONS

/** Says whether a person may do something with the token at hand. */
export function can(principal: Pick<Principal, 'role' | 'scopes'>, action: Action): boolean {
  const needs = ACTIONS[action]
  return principal.scopes.includes(needs.scope) && (needs.role === 'member' || principal.role === 'admin')
}
