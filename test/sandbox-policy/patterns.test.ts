import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePattern } from '../../sandbox-policy/patterns.ts'
import { COMMON_DOMAINS } from '../../sandbox-policy/presets.ts'
import { names } from './fuzz/names.ts'

test.each([
  ['allowed.test', 'exact', 'allowed.test'],
  ['*.allowed.test', 'below', 'allowed.test'],
  ['**.allowed.test', 'both', 'allowed.test'],
  ['**.Allowed.TEST.', 'both', 'allowed.test'],
  ['localhost', 'exact', 'localhost'],
  ['github.io', 'exact', 'github.io'],
  ['*.me.github.io', 'below', 'me.github.io'],
  ['*.shop.co.uk', 'below', 'shop.co.uk'],
  ['**.corp.internal', 'both', 'corp.internal'],
  ['_x.allowed.test', 'exact', '_x.allowed.test'],
])('parsePattern() reads %j as %s %s', (text, kind, name) => {
  expect(parsePattern(text)).toEqual({ ok: true, pattern: { kind, name } })
})

test.each([
  ['*', 'wildcard'],
  ['**', 'wildcard'],
  ['*.', 'no host name'],
  ['**.', 'no host name'],
  ['*.*', 'wildcard'],
  ['***.allowed.test', 'wildcard'],
  ['*.*.allowed.test', 'wildcard'],
  ['a.*.allowed.test', 'wildcard'],
  ['a*.allowed.test', 'wildcard'],
  ['*allowed.test', 'wildcard'],
  ['allowed.*', 'wildcard'],
  ['*.com', 'anyone can register'],
  ['**.com', 'anyone can register'],
  ['*.COM.', 'anyone can register'],
  ['*.co.uk', 'anyone can register'],
  ['*.github.io', 'anyone can register'],
  ['**.github.io', 'anyone can register'],
  ['*.test', 'anyone can register'],
  ['*.internal', 'anyone can register'],
  ['*.kawasaki.jp', 'anyone can register'],
  ['*.ck', 'anyone can register'],
  ['a..b', 'no host name'],
  ['x\nhttp_access allow all', 'no host name'],
  ['https://x/', 'no host name'],
  ['allowed.test/path', 'no host name'],
  ['allowed.test:443', 'no host name'],
  ['user@allowed.test', 'no host name'],
  ['.allowed.test', 'no host name'],
  [' allowed.test', 'no host name'],
  ['münchen.test', 'no host name'],
  ['ａｌｌｏｗｅｄ.test', 'no host name'],
  ['1.1.1.1', 'an address'],
  ['*.1.1.1.1', 'an address'],
  ['127.1', 'an address'],
  ['[::1]', 'an address'],
  ['10.0.0.0/8', 'no host name'],
  ['', 'no host name'],
])('parsePattern() refuses %j: %s', (text, why) => {
  const parsed = parsePattern(text)
  expect(parsed.ok).toBe(false)
  expect(parsed).toMatchObject({ fault: expect.stringContaining(why) })
})

test('parsePattern() says what it refuses in one short line', () => {
  const parsed = parsePattern(`x\n${'y'.repeat(1000)}`)
  expect(parsed.ok ? '' : parsed.fault).toMatch(/^[ -~]{1,300}$/)
})

test('parsePattern() takes any name below the public suffixes, with each prefix', () => {
  fc.assert(
    fc.property(names, fc.constantFrom('', '*.', '**.'), (name, prefix) => {
      expect(parsePattern(prefix + name)).toMatchObject({ ok: true, pattern: { name } })
    }),
  )
})

test('COMMON_DOMAINS are 71 names as the parser gives them, each once', () => {
  expect(new Set(COMMON_DOMAINS).size).toBe(71)
  for (const name of COMMON_DOMAINS) expect(parsePattern(name)).toEqual({ ok: true, pattern: { kind: 'exact', name } })
})
