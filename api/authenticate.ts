import type { Context, MiddlewareHandler } from 'hono'
import { findUserBySession } from '../domain/access/sessions.ts'
import { findUserByToken } from '../domain/access/tokens.ts'
import type { Db } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import { findHolderAndTask } from '../domain/tasks/task-for-token.ts'
import { isCodexPath } from './codex/paths.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { needsOf, taskReadBy } from './enforce.ts'
import type { Gate } from './gate.ts'
import { isModelPath } from './model/paths.ts'
import { SESSION_COOKIE, readCookie } from './sign-in/cookies.ts'
import { assertOwnOrigin } from './sign-in/origin.ts'

export const BASE = '/api/v1'
/** Where a browser is served; elsewhere a cookie counts for nothing. */
const OF_BROWSERS = /^\/((api\/v1|auth|device)\/|device$)/

/** Says who asks. Everything needs a token or a session but the routes which say that they need nobody, unknown paths too. */
export function authenticate(deps: ApiDeps, gate: Gate): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const needs = needsOf(c)
    const { path } = c.req
    const isOutside = needs === undefined && !path.startsWith(`${BASE}/`) && !isCodexPath(path) && !isModelPath(path)
    if (needs === 'nobody' || isOutside) return next()
    // Whoever sends a header means that, whatever cookies their browser adds.
    const cookie = c.req.header('authorization') === undefined ? sessionOf(c) : undefined
    await (cookie === undefined ? byToken(c, deps, gate) : bySession(c, { deps, gate, cookie }))
    return next()
  }
}

/** Looks in the database who a token speaks for. */
export function tokenLookUp(db: Db): ApiDeps['authenticate'] {
  return async (token, { address, taskId } = {}) => {
    if (taskId !== undefined) return findHolderAndTask(db, token, { taskId, address })
    const principal = await findUserByToken(db, token, address)
    return principal && { principal }
  }
}

/** The text of the token that a request carries. Clients of one of the makers send theirs as `x-api-key`. */
export function tokenOf(c: Context): string | undefined {
  const [, token] = /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  return token ?? (isModelPath(c.req.path) ? c.req.header('x-api-key') : undefined)
}

async function byToken(c: Context<ApiEnv>, deps: ApiDeps, gate: Gate): Promise<void> {
  const token = tokenOf(c)
  if (token === undefined) throw nobody('the request carries no token')
  const taskId = taskReadBy(c)
  const found = await gate.lookUp(c, token, (address) => deps.authenticate(token, { address, taskId }))
  if (found === undefined) throw nobody('this token is unknown, expired or revoked')
  const { principal, task } = found
  c.set('principal', principal)
  c.set('looked', task)
  c.set('askAgain', async () => (await deps.authenticate(token, { address: principal.address }))?.principal)
}

const nobody = (state: string) =>
  new DrydockError('unauthorized', `Cannot tell who asks: ${state}. Send "Authorization: Bearer dd_…"`)

type BySession = { deps: ApiDeps; gate: Gate; cookie: string }

async function bySession(c: Context<ApiEnv>, { deps, gate, cookie }: BySession): Promise<void> {
  assertOwnOrigin(deps, c)
  const find = async (address: string | undefined) => {
    const found = await findUserBySession(deps.db, cookie)
    return found && { ...found, ...(address !== undefined && { address }) }
  }
  const principal = await gate.lookUp(c, cookie, find)
  if (principal === undefined) {
    throw new DrydockError('unauthorized', 'Cannot tell who asks: this session is over. Sign in again')
  }
  c.set('principal', principal)
  c.set('askAgain', () => findUserBySession(deps.db, cookie, { note: false }))
}

const sessionOf = (c: Context) => (OF_BROWSERS.test(c.req.path) ? readCookie(c, SESSION_COOKIE) : undefined)
