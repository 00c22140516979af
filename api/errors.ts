import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { DrydockError } from '../domain/errors.ts'
import type { ErrorCode } from '../domain/errors.ts'

/** The one map from what went wrong to HTTP. */
export const STATUS = {
  'invalid-request': 422,
  'malformed-request': 400,
  'request-too-large': 413,
  'unsupported-media-type': 415,
  'method-not-allowed': 405,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'environment-not-found': 404,
  'task-not-found': 404,
  'attempt-not-found': 404,
  'token-not-found': 404,
  'session-not-found': 404,
  'sign-in-provider-not-found': 404,
  'sign-in-refused': 403,
  'sign-in-expired': 400,
  'sign-in-unavailable': 502,
  'sign-in-too-old': 403,
  'authorization-pending': 400,
  'access-denied': 403,
  'device-code-expired': 400,
  'foreign-origin': 403,
  'user-not-found': 404,
  'group-not-found': 404,
  'role-not-found': 404,
  'last-owner': 409,
  'provider-not-found': 404,
  'provider-in-use': 409,
  'credential-not-found': 404,
  'secret-not-found': 404,
  'model-unavailable': 422,
  'key-unavailable': 503,
  'name-taken': 409,
  'environment-in-use': 409,
  'environment-file-missing': 404,
  'environment-file-invalid': 422,
  'environment-file-changed': 409,
  'idempotency-mismatch': 422,
  'task-already-finished': 409,
  'task-not-finished': 409,
  'content-removed': 410,
  'image-refused': 422,
  'attempt-not-finished': 409,
  'no-changes': 409,
  'not-a-code-task': 409,
  'confirmation-required': 409,
  'publish-in-progress': 409,
  'push-refused': 403,
  'login-taken': 409,
  'prompt-too-large': 413,
  'policy-invalid': 422,
  'over-ceiling': 422,
  'version-unavailable': 422,
  'agent-unavailable': 422,
  'repository-refused': 422,
  'repository-not-found': 422,
  'repository-auth': 422,
  'repository-empty': 422,
  'branch-not-found': 422,
  'forge-unavailable': 502,
  'forge-rejected': 502,
  'rate-limited': 429,
  'budget-used-up': 429,
  'gateway-unavailable': 503,
  'stale-fence': 409,
  'config-invalid': 500,
  'data-folder-in-use': 500,
  'port-in-use': 500,
  'engine-unavailable': 503,
  'runner-unavailable': 503,
  'database-unavailable': 503,
  'image-unavailable': 503,
  internal: 500,
} as const satisfies Record<ErrorCode, number>

export type Problem = {
  type: string
  title: string
  status: (typeof STATUS)[ErrorCode]
  code: ErrorCode
  detail: string
}

const HTTP_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed-request',
  413: 'request-too-large',
  415: 'unsupported-media-type',
}
// SQLSTATE classes 08 (connection) and 57P (shutdown), and what sockets and the driver say.
const DATABASE_GONE = /^(08|57P|53300|ECONN|ENOENT|EPIPE|CONNECT|CONNECTION_)/
// Values that PostgreSQL cannot hold: a NUL in text, a lone surrogate in JSON, a number out of range.
const BAD_VALUES = ['22021', '22P02', '22P05', '22003', '22007', '22008']

/** The problem document of an error. Only our own errors speak; anything else stays in the log. */
export function problemOf(error: unknown): Problem {
  const known = toDrydockError(error)
  const { code, message } = known
  return { type: `urn:drydock:problem:${code}`, title: titleOf(code), status: STATUS[code], code, detail: message }
}

/** Answers with an error as `application/problem+json`. */
export function respondWithProblem(c: Context, error: unknown): Response {
  const problem = problemOf(error)
  if (problem.status === 401) c.header('www-authenticate', 'Bearer')
  c.header('content-type', 'application/problem+json')
  return c.body(JSON.stringify(problem), STATUS[problem.code])
}

function toDrydockError(error: unknown): DrydockError {
  if (error instanceof DrydockError) return error
  if (error instanceof HTTPException) return fromHttp(error)
  const code = driverCode(error)
  if (BAD_VALUES.includes(code)) {
    return new DrydockError(
      'invalid-request',
      'Cannot store this request: a value holds characters that text cannot have',
    )
  }
  if (DATABASE_GONE.test(code)) {
    return new DrydockError('database-unavailable', 'Cannot answer: the database does not. Try again in a moment')
  }
  return new DrydockError('internal', 'Cannot answer: something went wrong here. The log has it under this request id')
}

function fromHttp(error: HTTPException): DrydockError {
  const code = HTTP_CODES[error.status] ?? 'internal'
  if (code === 'malformed-request') return new DrydockError(code, 'Cannot read the request: its body is not valid JSON')
  if (code === 'unsupported-media-type') {
    return new DrydockError(code, 'Cannot read the request: send its body as "content-type: application/json"')
  }
  return new DrydockError(code, `Cannot answer: ${error.message}`)
}

/** SQLSTATE or system code of a driver's error, which drizzle wraps as the cause; empty for other errors. */
function driverCode(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
