import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byteSearch } from '../../../runner/sandbox/byte-search.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')

function found(needles: string[], chunks: string[]): boolean {
  const search = byteSearch(needles.map(bytes))
  return chunks.some((chunk) => search.push(bytes(chunk)) !== undefined)
}

test.each([
  [['abc'], ['xxabcxx'], true],
  [['abc'], ['xxa', 'b', 'cxx'], true],
  [['abc'], ['xxab', 'xc'], false],
  [['ab', 'a-much-longer-needle'], ['a-much-longer-', 'needle'], true],
  [['a-much-longer-needle', 'zz'], ['a-much-longer-', 'needle'], true],
  [['aab'], ['aaaaaaab'], true],
  [['\0\0\x01'], ['\0\0\0\0\x01'], true],
  [[], ['anything'], false],
])('byteSearch(%j) in %j: %j', (needles, chunks, expected) => {
  expect(found(needles, chunks)).toBe(expected)
})

test('byteSearch() finds what a plain search finds, however the text is cut', () => {
  // Few letters, so that needles overlap with themselves and with each other.
  const text = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom('a', 'b', '\xff'), { minLength, maxLength }).map((letters) => letters.join(''))
  const needles = fc.array(text(2, 7), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(needles, fc.array(text(0, 12), { maxLength: 8 }), (wanted, chunks) => {
      const whole = chunks.join('')
      return found(wanted, chunks) === wanted.some((needle) => whole.includes(needle))
    }),
    { numRuns: 300 },
  )
})

test('byteSearch() tells which needle it was, and forgets an earlier text', () => {
  const search = byteSearch([bytes('first'), bytes('second')])
  expect(search.push(bytes('xxsec'))).toBeUndefined()
  expect(search.push(bytes('ond'))).toBe(1)
  search.reset()
  search.push(bytes('fi'))
  search.reset()
  expect(search.push(bytes('rst'))).toBeUndefined()
})
