import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { routePath } from 'hono/route'
import { DrydockError } from '../domain/errors.ts'
import { respondWithDetail } from './codex/errors.ts'
import { isCodexPath } from './codex/paths.ts'
import { BASE, authenticate } from './authenticate.ts'
import { codexRoutes } from './codex/routes.ts'
import { commandOf } from './codex/user-agent.ts'
import { respondToModelClient } from './model/errors.ts'
import { MODEL_BASE, isModelPath } from './model/paths.ts'
import { modelRoutes } from './model/routes.ts'
import { newRouter } from './context.ts'
import { assertDeclared, requireRight } from './enforce.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { problemOf, respondWithProblem } from './errors.ts'
import { respondWithPage, wantsPage } from './sign-in/problem-page.ts'
import { createGate } from './gate.ts'
import { pageHeaders } from './sign-in/page.ts'
import { tokenRoutes } from './routes/access.ts'
import { groupRoutes } from './routes/groups.ts'
import { forgeLoginRoutes } from './routes/forge-logins.ts'
import { meRoutes } from './routes/me.ts'
import { roleRoutes } from './routes/roles.ts'
import { peopleRoutes } from './routes/people.ts'
import { userRoutes } from './routes/users.ts'
import { authRoutes } from './routes/auth.ts'
import { devicePageRoutes } from './routes/device-page.ts'
import { deviceRoutes } from './routes/device.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { signInProviderRoutes } from './routes/sign-in-providers.ts'
import { auditRoutes } from './routes/audit.ts'
import { attemptRoutes } from './routes/attempts.ts'
import { cacheRoutes } from './routes/cache.ts'
import { credentialRoutes } from './routes/credentials.ts'
import { environmentFileRoutes } from './routes/environment-files.ts'
import { environmentRoutes } from './routes/environments.ts'
import { eventRoutes } from './routes/events.ts'
import { inspectionRoutes } from './routes/inspections.ts'
import { healthRoutes } from './routes/health.ts'
import { ledgerRoutes } from './routes/ledger.ts'
import { providerRoutes } from './routes/providers.ts'
import { secretRoutes } from './routes/secrets.ts'
import { settingsRoutes } from './routes/settings.ts'
import { taskRoutes } from './routes/tasks.ts'
import { turnRoutes } from './routes/turns.ts'

const MiB = 1024 * 1024
const MAX_BODY_BYTES = 4 * MiB
/** Where a prompt has pictures. */
const MAX_PROMPT_BYTES = 32 * MiB
const WITH_PICTURES = /^\/api\/v1\/tasks(\/[^/]+\/turns)?$/
const SECOND = 1000
const HEALTH = ['/healthz', '/readyz']

const ROUTES = [
  taskRoutes,
  turnRoutes,
  eventRoutes,
  attemptRoutes,
  ledgerRoutes,
  environmentRoutes,
  environmentFileRoutes,
  cacheRoutes,
  secretRoutes,
  inspectionRoutes,
  providerRoutes,
  credentialRoutes,
  settingsRoutes,
  tokenRoutes,
  meRoutes,
  forgeLoginRoutes,
  userRoutes,
  peopleRoutes,
  groupRoutes,
  roleRoutes,
  sessionRoutes,
  signInProviderRoutes,
  auditRoutes,
]

type Routes = (deps: ApiDeps) => OpenAPIHono<ApiEnv>

/** The whole HTTP interface as a value: needs no port. Throws for a route that does not say what it needs. */
export function createApp(deps: ApiDeps, routes: readonly Routes[] = ROUTES): OpenAPIHono<ApiEnv> {
  const app = newRouter(deps)
  app.onError((error, c) => answerError(deps, error, c))
  app.use(requestId(), observe(deps))
  app.use(pageHeaders)
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }), noStore)
  const gate = createGate(deps.trustedProxies ?? [])
  app.use(authenticate(deps, gate))
  app.use(limitBody)
  const health = healthRoutes(deps)
  app.route('/', health)
  app.route(BASE, health)
  app.route('/', authRoutes(deps, gate))
  app.route('/', deviceRoutes(deps, gate))
  app.route('/', devicePageRoutes(deps, gate))
  for (const group of routes) app.route(BASE, group(deps))
  for (const { base, routes: group } of codexRoutes(deps)) app.route(base, group)
  app.route(MODEL_BASE, modelRoutes(deps))
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  app.get(`${BASE}/openapi.json`, requireRight('nobody'))
  app.doc31(`${BASE}/openapi.json`, {
    openapi: '3.1.0',
    info: { title: 'Drydock', version: deps.version },
    security: [{ token: [] }],
  })
  app.notFound((c) => answerUnknown(app, c))
  assertDeclared(app)
  return app
}

function observe({ metrics, logger }: ApiDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const started = performance.now()
    await next()
    const { method, path } = c.req
    const { status } = c.res
    const ms = performance.now() - started
    const route = status === 404 || status === 405 ? 'unknown' : routePath(c, -1)
    metrics.observeRequest({ method, route, status, seconds: ms / SECOND })
    const command = commandOf(c.req.header('user-agent'))
    const line = { requestId: c.get('requestId'), method, path, status, ms: Math.round(ms), command }
    // Health checks come every few seconds and say nothing while they are well.
    if (status < 400 && HEALTH.includes(path.replace(BASE, ''))) logger.debug(line, 'request')
    else logger.info(line, 'request')
  }
}

const noStore: MiddlewareHandler = async (c, next) => {
  await next()
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
}

const limitSmall = limitTo(MAX_BODY_BYTES)
const limitLarge = limitTo(MAX_PROMPT_BYTES)

/** Bodies have one limit; only pictures may take more. */
const limitBody: MiddlewareHandler = async (c, next) => {
  // Nothing of the models' is kept here: the gateway bounds what it reads.
  if (c.req.method === 'GET' || c.req.method === 'HEAD' || isModelPath(c.req.path)) return next()
  if (!WITH_PICTURES.test(c.req.path)) return limitSmall(c, next)
  return limitLarge(c, async () => {
    const text = c.req.method === 'POST' ? await c.req.text() : ''
    if (Buffer.byteLength(text) > MAX_BODY_BYTES && !text.includes('"images"')) refuseBody(MAX_BODY_BYTES)
    await next()
  })
}

/** Believes a length that is said, which the server holds a client to, and counts the bytes of what comes without one. */
function limitTo(maxBytes: number): MiddlewareHandler {
  const count = bodyLimit({ maxSize: maxBytes, onError: () => refuseBody(maxBytes) })
  return (c, next) => {
    const length = c.req.header('content-length')
    // Touching the body, as the count does, makes the adapter build a whole `Request`: as dear as a statement.
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) return count(c, next)
    return Number(length) > maxBytes ? refuseBody(maxBytes) : next()
  }
}

function refuseBody(maxBytes: number): never {
  throw new DrydockError('request-too-large', `Cannot read the request: its body is over ${maxBytes / MiB} MiB`)
}

function answerError({ logger }: ApiDeps, error: Error, c: Context<ApiEnv>): Response | Promise<Response> {
  if (problemOf(error).status >= 500)
    logger.error({ err: error, requestId: c.get('requestId') }, 'Cannot answer a request')
  return respondWithError(c, error)
}

/** The Codex CLI prints errors in its own way. */
function respondWithError(c: Context, error: unknown): Response | Promise<Response> {
  if (isModelPath(c.req.path)) return respondToModelClient(c, error)
  if (isCodexPath(c.req.path)) return respondWithDetail(c, error)
  return wantsPage(c) ? respondWithPage(c, problemOf(error)) : respondWithProblem(c, error)
}

/** A path that exists for other methods says which. */
function answerUnknown(app: OpenAPIHono<ApiEnv>, c: Context): Response | Promise<Response> {
  const methods = app.routes
    .filter(({ method, path }) => method !== 'ALL' && patternOf(path).test(c.req.path))
    .map(({ method }) => method)
  if (methods.length === 0) {
    return respondWithError(c, new DrydockError('not-found', 'Cannot find this path: see /api/v1/openapi.json'))
  }
  const allowed = [...new Set(methods)].join(', ')
  c.header('allow', allowed)
  return respondWithError(c, new DrydockError('method-not-allowed', `Cannot ${c.req.method} here: use ${allowed}`))
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:[^/]+/g, '[^/]+')}$`)
}
