import { expect, test } from 'vitest'
import { readFailure } from '../../forge/github-failure.ts'

test.each([
  [401, {}, 'Bad credentials', 'final', 'repository-auth'],
  [403, {}, 'Resource not accessible', 'final', 'repository-auth'],
  [403, { 'retry-after': '1' }, '', 'wait', 'rate-limited'],
  [403, {}, 'You have exceeded a secondary rate limit', 'wait', 'rate-limited'],
  [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2' }, '', 'wait', 'rate-limited'],
  [429, {}, '', 'wait', 'rate-limited'],
  [404, {}, 'Not Found', 'final', 'repository-not-found'],
  [301, {}, '', 'final', 'repository-not-found'],
  [422, {}, 'A pull request already exists for a:b.', 'exists', 'forge-rejected'],
  [422, {}, 'No commits between', 'final', 'forge-rejected'],
  [500, {}, '', 'unknown', 'forge-unavailable'],
  [0, {}, 'socket hang up', 'unknown', 'forge-unavailable'],
])('readFailure() of %i %j %s is %s with %s', (status, headers, message, kind, code) => {
  expect(readFailure({ status, headers, message }, 'do', 1000)).toMatchObject({ kind, error: { code } })
})

test('readFailure() reads Retry-After as a date, too', () => {
  const headers = { 'retry-after': 'Thu, 01 Jan 1970 00:00:31 GMT' }
  expect(readFailure({ status: 429, headers, message: '' }, 'do', 1000)).toMatchObject({ ms: 30_000 })
})
