import { expect, test } from 'vitest'
import { suggest } from '../../cli/suggest.ts'

const KNOWN = ['exec', 'env create', 'list', 'logs', 'status', 'cancel']

test.each([
  ['exce', 'exec'],
  ['lgos', 'logs'],
  ['stat', 'status'],
  ['cancle', 'cancel'],
  ['env crate', 'env create'],
  ['frobnicate', undefined],
  ['x', undefined],
])('suggest() on %j gives %j', (word, expected) => {
  expect(suggest(word, KNOWN)).toBe(expected)
})
