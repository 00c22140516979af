import { OpenAPIHono } from '@hono/zod-openapi'
import type { RouteConfig } from '@hono/zod-openapi'
import type { ObjectFacts } from '../domain/access/facts.ts'
import type { Principal } from '../domain/access/principal.ts'
import type { Db } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
import type { TaskView } from '../domain/tasks/read.ts'
import type { TaskForDecision } from '../domain/tasks/task-row.ts'
import type { LinkingForge } from '../forge/forge.ts'
import { requireRight, withObject } from './enforce.ts'
import type { RouteHandler } from './enforce.ts'
import type { AccessWatch } from './access-watch.ts'
import type { CallGateway } from './model/gateway.ts'
import type { EventHub } from './event-hub.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { faults } from './policies.ts'
import type { Audited, Needs, Reads } from './route.ts'

/** What the api is made of; composed in `main.ts`. */
export type ApiDeps = {
  db: Db
  events: Pick<EventHub, 'follow'>
  access: Pick<AccessWatch, 'watch'>
  /** Who a token speaks for; `task` where one was asked for, and null where there is none such. */
  authenticate: (token: string, asked?: AskedBy) => Promise<Authenticated | undefined>
  /** To the models of this installation, for people's own tools. */
  callGateway: CallGateway
  /** Rejects with `repository-refused` when tasks must not use this address (R4). */
  checkAddress: (address: string) => Promise<void>
  /** Where the repositories of the form `owner/name` are, and people link their logins. */
  forge: LinkingForge
  /** Seals what must not lie in the database in the clear; absent where this process was given no master key. */
  keyring?: Keyring | undefined
  /** How long a look into a repository is waited for; default a minute. */
  inspectionWaitMs?: number
  /** Where people reach this server; without, it is where a request came to. */
  publicUrl?: () => string | undefined
  /** Addresses and ranges whose word on where a request came from is taken. */
  trustedProxies?: readonly string[]
  /** Lets people sign in at an issuer of this machine without TLS: for development and tests. */
  loopbackIssuers?: boolean
  metrics: Metrics
  logger: Logger
  version: string
}

/** `address`: from where the connection came. `taskId`: of the task that is read by the statement that looks who asks. */
export type AskedBy = { address?: string | undefined; taskId?: string | undefined }
export type Authenticated = { principal: Principal; task?: TaskForDecision | null }

/** `askAgain` looks anew who the token or session of the request speaks for, and keeps none alive by it. `objectId` is that of the object which the path names, where the route needs a right to it; `facts` is what is known of it; `task` is there where the route says that it reads it; `looked` is what was found of it beside who asks. */
export type ApiEnv = {
  Variables: {
    principal: Principal
    askAgain: () => Promise<Principal | undefined>
    requestId: string
    objectId: string
    facts: ObjectFacts
    task: TaskView
    looked: TaskForDecision | null | undefined
  }
}

/**
 * A group of routes whose requests are validated, every fault in one `invalid-request`, and whose needs are enforced. Throws
 * for a route that does not say what it needs, or changes something and does not say what is written down.
 */
export function newRouter(deps: Pick<ApiDeps, 'db'>) {
  const router = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return
      throw new DrydockError('invalid-request', `Cannot accept the request: ${faults(result.error)}`)
    },
  })
  const add = router.openapi as (route: RouteConfig, handler: RouteHandler) => typeof router
  type Declared = RouteConfig & { needs?: Needs; audit?: Audited; reads?: Reads }
  const addGuarded = ({ needs, audit, reads, ...route }: Declared, handler: RouteHandler) => {
    if (needs === undefined) {
      throw new Error(`Cannot build the api: ${route.method} ${route.path} does not say what it needs`)
    }
    if (audit === undefined && route.method !== 'get') {
      throw new Error(
        `Cannot build the api: ${route.method} ${route.path} does not say what is written to the audit log`,
      )
    }
    return add(
      { ...route, middleware: requireRight(needs, { audit, reads }) },
      withObject(deps, { needs, reads }, handler),
    )
  }
  // The same route for the types, and one middleware more.
  router.openapi = addGuarded as typeof router.openapi
  return router
}

/** The master keys of this process. Rejects with `key-unavailable` where it has none. */
export function requireKeyring({ keyring }: Pick<ApiDeps, 'keyring'>): Keyring {
  if (keyring !== undefined) return keyring
  throw new DrydockError(
    'key-unavailable',
    'Cannot store a secret: this server has no master key. Set DRYDOCK_MASTER_KEY to the same value for api and runner',
  )
}
