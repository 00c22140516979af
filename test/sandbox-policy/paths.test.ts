import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAmbiguousPath, isBelow, isReadablePath } from '../../sandbox-policy/paths.ts'
import { hostilePaths } from './fuzz/paths.ts'

test.each([
  ['/', false],
  ['/pub/', false],
  ['/pub/a.b/c-d_e~f', false],
  ['/@scope/name:v1,2', false],
  ["/a!$&'()*+=b", false],
  ['/.well-known/x', false],
  ['/a..b/c', false],
  ['/a%20b', false],
  ['/caf%C3%A9', false],
  ['/%7Bid%7D', false],
  ['//', true],
  ['/a//b', true],
  ['//a', true],
  ['/a/./b', true],
  ['/a/.', true],
  ['/a/../b', true],
  ['/a/..', true],
  ['/..', true],
  ['/a/...', true],
  ['/secret./x', true],
  ['/secret.', true],
  ['/secret%20', true],
  ['/secret%20/x', true],
  ['/a/%2e%2e/b', true],
  ['/a/.%2E/b', true],
  ['/%61', true],
  ['/%7e', true],
  ['/%40scope', true],
  ['/%2B', true],
  ['/a%2fb', true],
  ['/a%2Fb', true],
  ['/a%5cb', true],
  ['/a%5Cb', true],
  ['/a\\b', true],
  ['/a;b', true],
  ['/a;x=1/b', true],
  ['/..;/b', true],
  ['/a%3bx', true],
  ['/a%00', true],
  ['/a%0a', true],
  ['/a%7f', true],
  ['/a%25', true],
  ['/a%252e', true],
  ['/a%3f', true],
  ['/a%23', true],
  ['/a%', true],
  ['/a%2', true],
  ['/a%zz', true],
  ['/a%u002e', true],
  ['/a%c0%ae', true],
  ['/a%e0%80%af', true],
  ['/a%ff', true],
  ['/a%ef%bc%8f', true],
  ['/%ef%bd%81', true],
  ['/cafe%cc%81', true],
  ['/caf\xe9', true],
  ['/a b', true],
  ['/a\tb', true],
  ['/a\0', true],
  ['/a#b', true],
  ['/a?b', true],
  ['/[a]', true],
  ['/{a}', true],
  ['/a|b', true],
])('isAmbiguousPath(%j) is %s', (path, ambiguous) => {
  expect(isAmbiguousPath(path)).toBe(ambiguous)
})

test.each([
  ['/pub/', '/pub/', true],
  ['/pub/a', '/pub/', true],
  ['/pub', '/pub/', false],
  ['/pub', '/pub', true],
  ['/pub/', '/pub', true],
  ['/pub/a', '/pub', true],
  ['/public', '/pub', false],
  ['/pub.txt', '/pub', false],
  ['/PUB/a', '/pub', false],
  ['/a/pub', '/pub', false],
  ['/', '/', true],
  ['/anything', '/', true],
  ['*', '/', false],
  ['/caf%c3%a9/x', '/caf%C3%A9', true],
])('isBelow(%j, %j) is %s', (path, prefix, below) => {
  expect(isBelow(path, prefix)).toBe(below)
})

test.each([
  ['/', 'GET', true],
  ['/a//../b%zz', 'GET', true],
  ['/caf\xe9', 'GET', true],
  ['*', 'OPTIONS', true],
  ['*', 'GET', false],
  ['', 'GET', false],
  ['a', 'GET', false],
  ['http://x/', 'GET', false],
  ['/a b', 'GET', false],
  ['/a\r\nb', 'GET', false],
  ['/a\0', 'GET', false],
  ['/a\x7f', 'GET', false],
  ['/a#b', 'GET', false],
  ['/\u0100', 'GET', false],
])('isReadablePath(%j, %s) is %s', (path, method, readable) => {
  expect(isReadablePath(path, method)).toBe(readable)
})

test('isAmbiguousPath() lets through only what URL parsing, decoding and folding leave below the same prefix', () => {
  fc.assert(
    fc.property(hostilePaths, (path) => {
      if (!isReadablePath(path, 'GET') || isAmbiguousPath(path)) return
      for (const prefix of ['/secret', '/pub/']) {
        for (const read of readings(path)) expect(isBelow(read, prefix)).toBe(isBelow(path, prefix))
      }
    }),
    { numRuns: 10_000 },
  )
})

/** How servers are known to read a path. */
function readings(path: string): string[] {
  const decoded = decodeURIComponent(path)
  const resolved = (text: string) => new URL(`http://x.test${text}`).pathname
  return [
    resolved(path),
    decoded,
    decodeURIComponent(decoded),
    resolved(decoded),
    decoded.replaceAll('\\', '/'),
    decoded.replace(/\/+/g, '/'),
    decoded.replace(/;[^/]*/g, ''),
    decoded.replace(/\0.*/s, ''),
    decoded.replace(/[?#].*/s, ''),
    decoded.replace(/[. ]+(?=\/|$)/g, ''),
    decoded.normalize('NFKC'),
  ]
}
