import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { can } from '../domain/access/can.ts'
import type { Action, Principal } from '../domain/access/can.ts'
import type { Db } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import type { EventHub } from './event-hub.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { faults } from './policies.ts'

/** What the api is made of; composed in `main.ts`. */
export type ApiDeps = {
  db: Db
  events: Pick<EventHub, 'follow'>
  authenticate: (token: string) => Promise<Principal | undefined>
  /** Rejects with `repository-refused` when tasks must not use this address (R4). */
  checkAddress: (address: string) => Promise<void>
  metrics: Metrics
  logger: Logger
  version: string
}

export type ApiEnv = { Variables: { principal: Principal; requestId: string } }

/** A group of routes whose requests are validated: every fault in one `invalid-request`. */
export function newRouter() {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return
      throw new DrydockError('invalid-request', `Cannot accept the request: ${faults(result.error)}`)
    },
  })
}

/** The person who asks, once it is sure that they may. Rejects with `forbidden`. */
export function authorize(c: Context<ApiEnv>, action: Action): Principal {
  const principal = c.get('principal')
  if (!can(principal, action)) {
    throw new DrydockError('forbidden', `Cannot do this: your role and this token do not allow "${action}"`)
  }
  return principal
}
