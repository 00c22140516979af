// Vocabulary. entry: one act, in the past tense of the database: it was committed together with what it tells of. actor: who
// did it. target: what it was done to. chain: each entry has the hash of the one before.

/** Everything that is written down. A route that changes something names one of these, or says `none`. */
export const AUDIT_ACTIONS = [
  'user.create',
  'user.update',
  'user.export',
  'user.delete',
  'group.create',
  'group.update',
  'group.delete',
  'group.add-member',
  'group.remove-member',
  'role.create',
  'role.update',
  'role.delete',
  'role.grant',
  'role.revoke',
  'user.sign-out',
  'sign-in',
  'sign-in.refused',
  'sign-in-provider.create',
  'sign-in-provider.update',
  'sign-in-provider.delete',
  'token.create',
  'token.revoke',
  'token.use',
  'forge-login.link',
  'forge-login.unlink',
  'device.confirm',
  'device.deny',
  'environment.create',
  'environment.update',
  'environment.apply',
  'environment.delete',
  'cache.reset',
  'cache.refresh',
  'secret.set',
  'secret.delete',
  'secret.use',
  'credential.set',
  'credential.delete',
  'credential.use',
  'provider.create',
  'provider.update',
  'provider.delete',
  'settings.update',
  'keys.rewrap',
  'attempt.publish',
  'attempt.published',
  'task.cancel',
  'audit.export',
  'audit.prune',
  'content.remove',
  'backup.write',
  'backup.restore',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** Who acts. Somebody who came with a token or a session, or this server itself, which has neither. */
export type Actor = {
  userId: string | null
  name: string
  tokenId?: string | undefined
  sessionId?: string | undefined
  /** From where the connection came. */
  address?: string | undefined
}

/** What nobody asked for by name: the server does it by itself. */
export const SERVER: Actor = { userId: null, name: 'server' }

export type Target = { kind: string; id: string; name: string }

/** The log itself: that it was exported, or cut at its beginning. */
export const AUDIT_LOG: Target = { kind: 'audit', id: 'audit', name: 'audit' }

/** The database as a whole, copied or restored. */
export const BACKUP: Target = { kind: 'backup', id: 'backup', name: 'backup' }

/** What tasks leave, all of them together. */
export const CONTENT: Target = { kind: 'content', id: 'content', name: 'content' }

/** An act to be written down. `before` and `after` have only what changed, and of secrets never more than their names. */
export type AuditRecord = {
  by: Actor
  action: AuditAction
  target: Target
  before?: Record<string, unknown> | undefined
  after?: Record<string, unknown> | undefined
}
