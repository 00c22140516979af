import { createRoute } from '@hono/zod-openapi'
import type { RouteConfig } from '@hono/zod-openapi'
import type { Need } from '../domain/access/decide.ts'
import type { AuditAction } from '../domain/audit/actions.ts'

/**
 * What a route needs: `nobody` has to sign in, `anyone` may who can, or a right. An object that is needed is the one that
 * `{id}` in the path names.
 */
export type Needs = 'nobody' | 'anyone' | Need

/** What is written to the audit log when a route did what it does; `none` for what is no administrative act. */
export type Audited = AuditAction | 'none'

/** What a route reads of its object by the very statement that it is decided on by; a handler finds it as `c.get('task')`. */
export type Reads = 'task'

type Declared =
  | { method: 'get'; needs: Needs; audit?: Audited; reads?: Reads }
  | { method: 'post' | 'put' | 'patch' | 'delete'; needs: Needs; audit: Audited }

/** A route with what it needs and, where it changes something, what is written down: without, `newRouter` takes none. */
export function defineRoute<P extends string, R extends Omit<RouteConfig, 'path' | 'method'> & { path: P } & Declared>(
  route: R,
) {
  return createRoute<P, R>(route)
}

/** To look at people, groups and roles, and to change them. */
export const LOOK_AT_MEMBERS = { scope: 'read', permission: 'members.manage' } as const satisfies Needs
export const MANAGE_MEMBERS = { scope: 'admin', permission: 'members.manage' } as const satisfies Needs
