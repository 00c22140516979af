// Enforces what routes declare: nothing else in the api decides who may do what with the object of a path.

import type { Context, MiddlewareHandler } from 'hono'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { matchedRoutes } from 'hono/route'
import { decide, decideRight } from '../domain/access/decide.ts'
import type { Need, ObjectNeed } from '../domain/access/decide.ts'
import { findFacts } from '../domain/access/facts.ts'
import type { ObjectFacts, ObjectQuestion } from '../domain/access/facts.ts'
import type { Principal } from '../domain/access/principal.ts'
import type { Db } from '../domain/db.ts'
import { environmentNotFound } from '../domain/environments/environments.ts'
import { DrydockError, forbidden } from '../domain/errors.ts'
import { taskView } from '../domain/tasks/read.ts'
import { findTaskRowFor } from '../domain/tasks/task-row.ts'
import type { TaskForDecision } from '../domain/tasks/task-row.ts'
import type { Right } from './access-watch.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import type { Audited, Needs, Reads } from './route.ts'
import { isId, parseId } from './schemas/common.ts'

/** The handler of a route, as far as it matters here. */
export type RouteHandler = (c: Context<ApiEnv>, next: () => Promise<void>) => Response | Promise<Response>

type Declared = { needs: Needs; audit?: Audited | undefined; reads?: Reads | undefined }
const DECLARED = new WeakMap<object, Declared>()

/** Stands before everything else of a route: who lacks the right learns nothing of what the request would have been. */
export function requireRight(needs: Needs, more: Pick<Declared, 'audit' | 'reads'> = {}): MiddlewareHandler<ApiEnv> {
  const middleware: MiddlewareHandler<ApiEnv> = async (c, next) => {
    if (typeof needs === 'object' && decideRight(c.get('principal'), needs) !== 'allowed') throw forbidden()
    return next()
  }
  DECLARED.set(middleware, { needs, ...more })
  return middleware
}

type NeedOfObject = Need & { object: ObjectNeed }

/** What a route needs, where that is a right to an object. */
function needOfObject(needs: Needs | undefined): NeedOfObject | undefined {
  if (typeof needs !== 'object' || needs.object === undefined) return undefined
  return { ...needs, object: needs.object }
}

/** Puts the look at the object between the checks of the request's form and its handler. */
export function withObject(
  deps: Pick<ApiDeps, 'db'>,
  { needs, reads }: { needs: Needs; reads?: Reads | undefined },
  handler: RouteHandler,
): RouteHandler {
  const need = needOfObject(needs)
  if (need === undefined) return handler
  return async (c, next) => {
    const asked = { need, reads, named: c.req.param('id') ?? '', looked: c.get('looked') }
    const { facts, row } = await allowedObject(deps, c.get('principal'), asked)
    c.set('objectId', facts.id)
    c.set('facts', facts)
    if (row !== undefined) c.set('task', await taskView(deps.db, row))
    return handler(c, next)
  }
}

/** What let a request in, to be asked again while its answer goes on. */
export function rightOf(deps: Pick<ApiDeps, 'db'>, c: Context<ApiEnv>): Right {
  const [need, askAgain, { tokenId }] = [needsOf(c), c.get('askAgain'), c.get('principal')]
  if (typeof need !== 'object') throw new Error('the route of a stream needs no right')
  const { object, scope, permission = '' } = need
  const id = object ? c.get('objectId') : ''
  return {
    key: [tokenId, object?.of ?? `${scope} ${permission}`, object?.to ?? '', id].join(' '),
    stillMay: async () => {
      const principal = await askAgain()
      if (principal === undefined) return false
      const facts = object && (await findFacts(deps.db, principal, { of: object.of, id }))
      return decide(principal, need, facts) === 'allowed'
    },
  }
}

/** What the route of a request needs; undefined where no route is there. */
export function needsOf(c: Context): Needs | undefined {
  return matchedRoutes(c)
    .map(({ handler }) => DECLARED.get(handler)?.needs)
    .find((needs) => needs !== undefined)
}

/** The task that a request is to read, by its path; undefined where its route reads none. */
export function taskReadBy(c: Context): string | undefined {
  const route = matchedRoutes(c).find(({ handler }) => DECLARED.get(handler)?.reads === 'task')
  const at = route?.path.split('/').indexOf(':id') ?? -1
  const named = c.req.path.split('/')[at]
  return named !== undefined && isId(named) ? named : undefined
}

/** What each route says is written to the audit log; `none` where nothing is. */
export function auditedRoutes(app: Pick<OpenAPIHono<ApiEnv>, 'routes'>): Map<string, Audited> {
  const said = app.routes.flatMap(({ method, path, handler }) => {
    const audit = DECLARED.get(handler)?.audit
    return audit === undefined ? [] : [[`${method} ${path}`, audit] as const]
  })
  return new Map(said)
}

/** Throws for a route that was added without saying what it needs. */
export function assertDeclared(app: Pick<OpenAPIHono<ApiEnv>, 'routes'>): void {
  const routes = app.routes.filter(({ method, path }) => method !== 'ALL' || path !== '/*')
  const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`
  const declared = new Set(routes.filter(({ handler }) => DECLARED.has(handler)).map(nameOf))
  const open = routes.map(nameOf).find((name) => !declared.has(name))
  if (open !== undefined) throw new Error(`Cannot build the api: the route ${open} does not say what it needs`)
  const audited = auditedRoutes(app)
  const silent = [...declared].find((name) => !/^(GET|HEAD) /.test(name) && !audited.has(name))
  if (silent === undefined) return
  throw new Error(`Cannot build the api: the route ${silent} does not say what is written to the audit log`)
}

type Asked = {
  need: NeedOfObject
  reads: Reads | undefined
  named: string
  looked: TaskForDecision | null | undefined
}
/** `row` is the task, where the route reads it: no part of it leaves here without the decision. */
type Found = { facts: ObjectFacts } & Partial<TaskForDecision>

/** What is known of the object that a path names, once it is sure that they may. Rejects with `forbidden`, or as for one that does not exist. */
async function allowedObject(
  { db }: Pick<ApiDeps, 'db'>,
  principal: Principal,
  { need, reads, named, looked }: Asked,
): Promise<Found> {
  const { of } = need.object
  const id = wellFormed(of, named)
  const found = await (reads === 'task' ? taskOf(db, principal, { id, looked }) : findObject(db, principal, { of, id }))
  const verdict = decide(principal, need, found?.facts)
  if (verdict === 'forbidden') throw forbidden()
  if (verdict === 'allowed' && found !== undefined) return found
  throw of === 'environment' ? await environmentNotFound(db, principal, id) : nothingOf(of, id)
}

/** What was found beside who asks, at the same moment; for who came with a session, it is looked for now. */
const taskOf = async (db: Db, principal: Principal, { id, looked }: Pick<Asked, 'looked'> & { id: string }) =>
  looked === undefined ? findTaskRowFor(db, principal, id) : (looked ?? undefined)

async function findObject(db: Db, principal: Principal, asked: ObjectQuestion): Promise<Found | undefined> {
  const facts = await findFacts(db, principal, asked)
  return facts && { facts }
}

function wellFormed(of: ObjectNeed['of'], named: string): string {
  // Environments go by their names, too.
  return of === 'environment' ? named : parseId(named, `${of}-not-found`, `this ${of}`)
}

const nothingOf = (of: 'task' | 'attempt', id: string) =>
  new DrydockError(`${of}-not-found`, `Cannot find ${of} "${id}": there is none that you may see`)
