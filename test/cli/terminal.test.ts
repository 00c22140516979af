import { expect, test } from 'vitest'
import { clip, createStyle, escapeUnsafe, neutralise, neutraliseLine, table } from '../../cli/terminal.ts'

test.each([
  ['a colour (CSI)', '\u001b[31mred', '\\x1b[31mred'],
  ['a CSI of 8 bits', '\u009b2J', '\\x9b2J'],
  ['a link (OSC 8)', '\u001b]8;;http://evil\u0007text\u001b]8;;\u0007', '\\x1b]8;;http://evil\\x07text\\x1b]8;;\\x07'],
  ['the clipboard (OSC 52)', '\u001b]52;c;aGk=\u001b\\', '\\x1b]52;c;aGk=\\x1b\\'],
  ['an overwriting CR', 'harmless\rrm -rf /', 'harmless\\x0drm -rf /'],
  ['a CRLF', 'a\r\nb', 'a\\x0d\nb'],
  ['backspaces', 'no\b\bok', 'no\\x08\\x08ok'],
  ['NUL, BEL, DEL', '\0\u0007\u007f', '\\x00\\x07\\x7f'],
  ['NEL (C1)', 'a\u0085b', 'a\\x85b'],
  ['bidi override', 'user\u202e gpj.exe', 'user\\u202e gpj.exe'],
  ['bidi isolates', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['bidi marks', 'a\u200eb\u200fc\u061cd', 'a\\u200eb\\u200fc\\u061cd'],
  ['line and paragraph separator', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
])('neutralise() makes %s visible', (_, text, expected) => {
  expect(neutralise(text)).toBe(expected)
})

test.each(['plain', 'two\nlines\twith tab', 'ÄÖ 漢字 🙂 👩‍👩‍👧', ''])('neutralise() leaves %j alone', (text) => {
  expect(neutralise(text)).toBe(text)
})

test('neutralise() leaves no control character but newline and tab', () => {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('')
  expect(neutralise(all)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/)
})

test('neutraliseLine() keeps text on its line', () => {
  expect(neutraliseLine('a\nb\tc\u001b')).toBe('a\\nb c\\x1b')
})

test('createStyle() gives no escapes where there are no colours', () => {
  expect(createStyle(false)('red', 'x')).toBe('x')
  expect(createStyle(true)('red', 'x')).toBe('\u001b[31mx\u001b[39m')
})

test('clip() cuts by characters, not halves of them', () => {
  expect(clip('🙂🙂🙂', 2)).toBe('🙂…')
  expect(clip('abc', 3)).toBe('abc')
})

test('table() aligns columns and clips the last to the screen', () => {
  const rows = [
    ['ID', 'TITLE'],
    ['a-long-id', 'a title that is far too long'],
  ]
  expect(table(rows, 24).split('\n')).toEqual(['ID         TITLE', 'a-long-id  a title that…'])
})

test('escapeUnsafe() keeps the value of JSON and leaves nothing that a terminal obeys', () => {
  const value = { text: Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('') }
  const json = escapeUnsafe(JSON.stringify(value))
  expect(JSON.parse(json)).toEqual(value)
  expect(neutralise(json)).toBe(json)
})
