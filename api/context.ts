import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { can } from '../domain/access/can.ts'
import type { Action, Principal } from '../domain/access/can.ts'
import type { Db } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
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
  /** Seals what must not lie in the database in the clear; absent where this process was given no master key. */
  keyring?: Keyring | undefined
  /** How long a look into a repository is waited for; default a minute. */
  inspectionWaitMs?: number
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

/** The master keys of this process. Rejects with `key-unavailable` where it has none. */
export function requireKeyring({ keyring }: Pick<ApiDeps, 'keyring'>): Keyring {
  if (keyring !== undefined) return keyring
  throw new DrydockError(
    'key-unavailable',
    'Cannot store a secret: this server has no master key. Set DRYDOCK_MASTER_KEY to the same value for api and runner',
  )
}
