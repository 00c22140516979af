import { DrydockError } from '../domain/errors.ts'
import { plainWords } from './plain-text.ts'

/** An answer of GitHub that is no success; status 0 when there was no answer at all. */
export type GitHubAnswer = {
  status: number
  headers: Readonly<Record<string, string | number | undefined>>
  message: string
}

/** What an answer means for the caller. After `unknown`, the request may have been carried out. */
export type GitHubFailure =
  | { kind: 'wait'; ms: number; error: DrydockError }
  | { kind: 'unknown'; error: DrydockError }
  | { kind: 'exists'; error: DrydockError }
  | { kind: 'final'; error: DrydockError }

/** The cause of a `rate-limited` error: who publishes may wait that long. */
export type RateLimit = { retryAfterMs: number }

const SECOND = 1000
/** GitHub's own advice where it names no time. */
const DEFAULT_WAIT_MS = 60 * SECOND

/** Tells GitHub's failures apart. Pure: `now` in milliseconds. */
export function readFailure(answer: GitHubAnswer, action: string, now: number): GitHubFailure {
  const { status } = answer
  const words = plainWords(answer.message)
  const make = (code: DrydockError['code'], text: string, cause?: RateLimit) =>
    new DrydockError(code, `Cannot ${action}: ${text}`, cause && { cause })
  if (isRateLimit(answer)) {
    const ms = waitOf(answer, now)
    const at = new Date(now + ms).toISOString()
    return {
      kind: 'wait',
      ms,
      error: make('rate-limited', `GitHub limits the requests of this token until ${at}. Try again then.`, {
        retryAfterMs: ms,
      }),
    }
  }
  if (status === 401)
    return final(make('repository-auth', 'GitHub does not know the token, or it expired. Store a new one.'))
  if (status === 403) {
    return final(
      make(
        'repository-auth',
        `the token may not do this (GitHub: ${words}). It needs write access to contents and pull requests.`,
      ),
    )
  }
  if (status === 404)
    return final(make('repository-not-found', 'GitHub does not have it, or hides it from this token.'))
  if (status === 422 && /pull request already exists/i.test(words)) {
    return { kind: 'exists', error: make('forge-rejected', `GitHub says: ${words}`) }
  }
  if (status >= 300 && status < 400)
    return final(make('repository-not-found', 'it moved to another name. Use the new one.'))
  if (status >= 400 && status < 500) return final(make('forge-rejected', `GitHub says: ${words}`))
  return {
    kind: 'unknown',
    error: make('forge-unavailable', `GitHub does not answer as it should (${status || words}). Try again later.`),
  }
}

function final(error: DrydockError): GitHubFailure {
  return { kind: 'final', error }
}

function isRateLimit({ status, headers, message }: GitHubAnswer): boolean {
  if (status === 429) return true
  if (status !== 403) return false
  return (
    headers['retry-after'] !== undefined ||
    String(headers['x-ratelimit-remaining']) === '0' ||
    /rate limit/i.test(message)
  )
}

function waitOf({ headers }: GitHubAnswer, now: number): number {
  const after = headers['retry-after']
  if (after !== undefined) {
    const ms = /^\d+$/.test(String(after)) ? Number(after) * SECOND : Date.parse(String(after)) - now
    if (Number.isFinite(ms)) return Math.max(0, ms)
  }
  const reset = Number(headers['x-ratelimit-reset'])
  if (String(headers['x-ratelimit-remaining']) === '0' && Number.isFinite(reset))
    return Math.max(0, reset * SECOND - now)
  return DEFAULT_WAIT_MS
}
