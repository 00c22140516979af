import { expect, test } from 'vitest'
import { RateLimit } from '../../api/rate-limit.ts'

test('RateLimit says how long to wait, for each key on its own, until the window is over', () => {
  let now = 0
  const limit = new RateLimit({ most: 2, windowMs: 10_000 }, () => now)
  limit.count('a')
  expect(limit.wait('a')).toBe(0)
  now = 4000
  limit.count('a')
  expect([limit.wait('a'), limit.wait('b')]).toEqual([6, 0])
  now = 10_000
  expect(limit.wait('a')).toBe(0)
  limit.count('a')
  expect(limit.wait('a')).toBe(0)
})

test('RateLimit holds no more keys than it has room for', () => {
  const limit = new RateLimit({ most: 1, windowMs: 1000 }, () => 0)
  for (let n = 0; n <= 10_000; n++) limit.count(String(n))
  expect([limit.wait('0'), limit.wait('1')]).toEqual([0, 1])
})
