import type { Context } from 'hono'
import { STATUS, problemOf } from '../errors.ts'
import { MODEL_BASE } from './paths.ts'

/**
 * Answers with the problem that every route answers with, and in it the sentence where the makers' own clients look for one.
 * They are told what is worth trying again.
 */
export function respondToModelClient(c: Context, error: unknown): Response {
  const problem = problemOf(error)
  const { code, detail: message, status } = problem
  const isAnthropic = c.req.path.startsWith(`${MODEL_BASE}/messages`)
  const type = isAnthropic ? anthropicType(status) : status >= 500 ? 'server_error' : 'invalid_request_error'
  if (status === 401) c.header('www-authenticate', 'Bearer')
  c.header('x-should-retry', status >= 500 ? 'true' : 'false')
  c.header('content-type', 'application/problem+json')
  return c.body(JSON.stringify({ ...problem, error: { type, code, message, param: null } }), STATUS[code])
}

function anthropicType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}
