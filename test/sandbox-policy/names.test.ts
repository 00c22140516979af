import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isCanonicalName, parseAuthority, parseName, parsePort } from '../../sandbox-policy/names.ts'
import { hostileNames, names, spellingsOf } from './fuzz/names.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test.each([
  ['allowed.test', 'allowed.test'],
  ['allowed.test.', 'allowed.test'],
  ['aLLoWed.TeSt', 'allowed.test'],
  ['localhost', 'localhost'],
  ['_acme-challenge.a_b.test', '_acme-challenge.a_b.test'],
  ['xn--mnchen-3ya.test', 'xn--mnchen-3ya.test'],
  ['r3---sn-4g5e6nz7.video.test', 'r3---sn-4g5e6nz7.video.test'],
  ['1.2.3.4.test', '1.2.3.4.test'],
  ['0x7f.test', '0x7f.test'],
  ['123.1a', '123.1a'],
  ['0xg', '0xg'],
  ['e164.arpa', 'e164.arpa'],
  ['a'.repeat(63) + '.test', 'a'.repeat(63) + '.test'],
])('parseName() reads %j as %j', (text, name) => {
  expect(parseName(text)).toEqual({ ok: true, name })
  expect(parseName(bytes(text))).toEqual({ ok: true, name })
  expect(isCanonicalName(name)).toBe(true)
})

test('parseName() takes 253 characters, the trailing dot not counted, and no more', () => {
  const longest = `${'abcdefghi.'.repeat(25)}abc`
  expect(longest).toHaveLength(253)
  expect(parseName(longest)).toEqual({ ok: true, name: longest })
  expect(parseName(`${longest}.`)).toEqual({ ok: true, name: longest })
  expect(parseName(`${longest}d`)).toEqual({ ok: false, reason: 'malformed' })
})

// Each row is seen as text and as bytes; the ids are those of the specification's corpus.
test.each([
  ['B03', 'allowed.test..'],
  ['B08', '[::ffff:1.2.3.4%x.allowed.test]'],
  ['B08', '::ffff:1.2.3.4%x.allowed.test'],
  ['B09', 'evil.test%2e.allowed.test'],
  ['B09', 'evil.test#.allowed.test'],
  ['B11', 'allowed.test@evil.test'],
  ['B14', 'ａｌｌｏｗｅｄ.test'],
  ['B14', 'allow\u00aded.test'],
  ['B14', 'allowed。test'],
  ['B14', '\u212a.test'],
  ['B15', '127.0.0.¹'],
  ['B15', '①②⑦.0.0.1'],
  ['NUL', 'evil.test\0.allowed.test'],
  ['', ''],
  ['', '.'],
  ['', '.allowed.test'],
  ['', 'a..b'],
  ['', '-a.test'],
  ['', 'a-.test'],
  ['', 'a.-'],
  ['', 'a'.repeat(64) + '.test'],
  ['', ' allowed.test'],
  ['', 'allowed.test\n'],
  ['', 'allowed.test\r\n'],
  ['', 'allowed.test\t'],
  ['', 'allowed.test/'],
  ['', 'allowed.test\\'],
  ['', 'allowed.test?'],
  ['', '*.allowed.test'],
  ['', 'allowed.test,evil.test'],
  ['', '127.0.0.1 evil.test'],
  ['', 'a:b'],
  ['', '[allowed.test]'],
  ['', '[1.2.3.4]'],
  ['', '[::1'],
  ['', '::1]'],
  ['', '[]'],
  ['', '[:]'],
  ['', '[::1]x'],
  ['', '[[::1]]'],
  ['', '[fe80::1%25eth0]'],
  ['', '1:2:3:4:5:6:7:8:9'],
  ['', 'a'.repeat(10_000)],
])('parseName() refuses %s %j as malformed', (_, text) => {
  expect(parseName(text)).toEqual({ ok: false, reason: 'malformed' })
  expect(parseName(bytes(text))).toEqual({ ok: false, reason: 'malformed' })
})

test.each([
  ['127.1', 'ip-literal'],
  ['2130706433', 'ip-literal'],
  ['0x7f.1', 'ip-literal'],
  ['0X7F.1', 'ip-literal'],
  ['0177.0.0.1', 'ip-literal'],
  ['0', 'ip-literal'],
  ['0.', 'ip-literal'],
  ['0x', 'ip-literal'],
  ['0x7f000001', 'ip-literal'],
  ['017700000001', 'ip-literal'],
  ['010.0.0.1', 'ip-literal'],
  ['1.1.1.1', 'ip-literal'],
  ['1.1.1.1.', 'ip-literal'],
  ['140.82.114.4', 'ip-literal'],
  ['256.256.256.256', 'ip-literal'],
  ['evil.09', 'ip-literal'],
  ['evil.0xdead', 'ip-literal'],
  ['99999999999999999999', 'ip-literal'],
  ['[2606:4700::1111]', 'ip-literal'],
  ['[::ffff:1.1.1.1]', 'ip-literal'],
  ['2606:4700::1111', 'ip-literal'],
  ['[::1]', 'private-address'],
  ['[::]', 'private-address'],
  ['[64:ff9b::a9fe:a9fe]', 'private-address'],
  ['[2002:a9fe:a9fe::]', 'private-address'],
  ['[2001:0:4136:e378:8000:63bf:3fff:fdd2]', 'private-address'],
  ['[::ffff:127.0.0.1]', 'private-address'],
  ['[FE80::1]', 'private-address'],
  ['[fd00::1]', 'private-address'],
  ['[2001:db8::1]', 'private-address'],
])('parseName() reads %j as an address: %s', (text, reason) => {
  expect(parseName(text)).toEqual({ ok: false, reason })
  expect(parseName(bytes(text))).toEqual({ ok: false, reason })
})

test.each([
  ['allowed.test:443', { ok: true, name: 'allowed.test', port: 443 }],
  ['ALLOWED.test.:65535', { ok: true, name: 'allowed.test', port: 65535 }],
  ['1.1.1.1:80', { ok: false, reason: 'ip-literal' }],
  ['[::1]:80', { ok: false, reason: 'private-address' }],
  ['[2606:4700::1111]:443', { ok: false, reason: 'ip-literal' }],
])('parseAuthority() reads %j', (text, parsed) => {
  expect(parseAuthority(text)).toEqual(parsed)
  expect(parseAuthority(bytes(text))).toEqual(parsed)
})

test.each([
  'allowed.test',
  'allowed.test:',
  'allowed.test:0',
  'allowed.test:65536',
  'allowed.test:+443',
  'allowed.test:-1',
  'allowed.test:0443',
  'allowed.test:443 ',
  'allowed.test: 443',
  'allowed.test:４４３',
  'allowed.test:0x1bb',
  'allowed.test:4e2',
  'allowed.test:443.0',
  'allowed.test:443:443',
  'allowed.test..:443',
  'allowed.test:443@evil.test:443',
  'user@allowed.test:443',
  'allowed.test:443/',
  'allowed.test:443#x',
  'http://allowed.test:443',
  ':443',
  '::1:443',
  '[::1',
  '[::1]443',
  '[::1]x:443',
  '[::1',
  '[:443',
  '[]:443',
  'evil.test\0.allowed.test:443',
  '',
])('parseAuthority() refuses %j as malformed', (text) => {
  expect(parseAuthority(text)).toEqual({ ok: false, reason: 'malformed' })
})

test('parseAuthority() puts the default port in the place of a missing one only', () => {
  expect(parseAuthority('allowed.test', 80)).toEqual({ ok: true, name: 'allowed.test', port: 80 })
  expect(parseAuthority('[::1]', 80)).toEqual({ ok: false, reason: 'private-address' })
  expect(parseAuthority('allowed.test:8080', 80)).toMatchObject({ port: 8080 })
  for (const text of ['allowed.test:', 'allowed.test:0', 'allowed.test:x', '[::1']) {
    expect(parseAuthority(text, 80)).toEqual({ ok: false, reason: 'malformed' })
  }
})

test('parsePort() reads back every port and nothing around them', () => {
  for (let port = 1; port <= 65535; port++) expect(parsePort(String(port))).toBe(port)
  expect([parsePort('0'), parsePort('65536'), parsePort('99999'), parsePort('')]).toEqual(Array(4).fill(undefined))
})

test('parseName() gives a canonical name that it reads as itself, whatever it is given', () => {
  fc.assert(
    fc.property(hostileNames, (text) => {
      const parsed = parseName(text)
      if (!parsed.ok) return
      expect(isCanonicalName(parsed.name)).toBe(true)
      expect(parseName(parsed.name)).toEqual(parsed)
      expect(text.toLowerCase().replace(/\.$/, '')).toBe(parsed.name)
    }),
    { numRuns: 8000 },
  )
})

test('parseName() accepts no name that a URL parser reads as another host or as an address', () => {
  fc.assert(
    fc.property(hostileNames, (text) => {
      const parsed = parseName(text)
      if (!parsed.ok || parsed.name.includes('xn--')) return
      expect(new URL(`http://${parsed.name}/`).hostname).toBe(parsed.name)
    }),
    { numRuns: 8000 },
  )
})

test('parseName() reads text and the same bytes alike', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (raw) => {
      expect(parseName(raw)).toEqual(parseName(Buffer.from(raw).toString('latin1')))
    }),
  )
})

test('parseName() reads a spelling of a name as this very name or not at all', () => {
  fc.assert(
    fc.property(
      names.chain((name) => fc.tuple(fc.constant(name), spellingsOf(name))),
      ([name, text]) => {
        const parsed = parseName(text)
        if (parsed.ok) expect(parsed.name).toBe(name)
      },
    ),
    { numRuns: 8000 },
  )
})
