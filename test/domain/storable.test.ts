import { expect, test } from 'vitest'
import { storableJson } from '../../domain/storable.ts'

test.each([
  ['a\0b', 'a\uFFFDb'],
  ['\ud83d', '\uFFFD'],
  ['\udc00 x', '\uFFFD x'],
  ['😀 \\u0000', '😀 \\u0000'],
])('storableJson() keeps %j fit for jsonb', (text, kept) => {
  const json = storableJson([{ at: new Date(0), payload: { text, n: 1, nested: [{ text }] } }])
  expect(JSON.parse(json)).toEqual([
    { at: '1970-01-01T00:00:00.000Z', payload: { text: kept, n: 1, nested: [{ text: kept }] } },
  ])
})
