import { expect, test } from 'vitest'
import { sizes } from '../../../runner/warm/sizing.ts'

const NOW = 10_000_000_000
const MINUTE = 60_000
const ago = (...minutes: number[]) => minutes.map((each) => NOW - each * MINUTE)
const given = (...args: Parameters<typeof sizes>) => Object.fromEntries(sizes(...args))

test('sizes() gives one to each that was used within the hour, and none to others', () => {
  const demands = [
    { key: 'used', starts: ago(59) },
    { key: 'not', starts: ago(61) },
  ]
  expect(given(demands, { most: 4, least: 1 }, NOW)).toEqual({ used: 1 })
})

test('sizes() gives more to the busier, after one to each', () => {
  const demands = [
    { key: 'busy', starts: ago(...Array.from({ length: 18 }, (_, i) => 50 - i)) },
    { key: 'once', starts: ago(40) },
  ]
  expect(given(demands, { most: 10, least: 1 }, NOW)).toEqual({ busy: 3, once: 1 })
  expect(given(demands, { most: 3, least: 1 }, NOW)).toEqual({ busy: 2, once: 1 })
})

test('sizes() gives no more than there may be, the latest first', () => {
  const demands = ['a', 'b', 'c'].map((key, i) => ({ key, starts: ago(30 - i) }))
  expect(given(demands, { most: 2, least: 5 }, NOW)).toEqual({ c: 1, b: 1, a: 0 })
  expect(given(demands, { most: 0, least: 1 }, NOW)).toEqual({ a: 0, b: 0, c: 0 })
  expect(given(demands.slice(0, 1), { most: 100, least: 40 }, NOW)).toEqual({ a: 40 })
})
