import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { httpUpstream, type Seen } from './support/upstream.ts'
import { createWorld, raw } from './support/world.ts'

// What a recording upstream (node:http, another parser than ours) understood must be exactly what was decided and recorded,
// whatever bytes the sandbox sent, and on connections that one case after another shares.

const POLICY = {
  allow: [
    { host: 'allowed.test', methods: ['GET' as const, 'POST' as const, 'HEAD' as const, 'PUT' as const] },
    { host: '**.cdn.test', methods: ['GET' as const] },
  ],
}

const hidden = 'GET /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\n'
const mostly = (usual: string[], odd: string[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })
const method = mostly(['GET', 'POST', 'HEAD', 'PUT'], ['DELETE', 'OPTIONS', 'get', 'G\tET', 'GET /x HTTP/1.1\r\nX: '])
const host = mostly(
  ['allowed.test', 'x.cdn.test', 'allowed.test:80'],
  [
    'evil.test',
    'ALLOWED.test.',
    'allowed.test:80',
    'allowed.test ',
    'allowed.test, evil.test',
    'allowed.test\x0b',
    'allowed.test\0evil.test',
  ],
)
const path = mostly(
  ['/', '/a?b'],
  ['/', '/a?b', '/a/../b', '//evil.test/', '/%2e', '/a b', '/\x80', '*', '?', '/a#b', '/\\', ''],
)
const line = fc.constantFrom(
  'Content-Length: 0',
  'Content-Length: 4',
  'Content-Length: 4, 4',
  'content-length:4',
  'Content-Length : 4',
  ' Content-Length: 4',
  'Content-Length: 04',
  'Content-Length: +4',
  'Content-Length:\t4\t',
  'Content-Length: 4;',
  `Content-Length: ${String(hidden.length)}`,
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer_Encoding: chunked',
  'X: a\r\n Transfer-Encoding: chunked',
  'X:\rTransfer-Encoding: chunked',
  'Host: evil.test',
  'Connection: close',
  'Connection: content-length',
  'Connection: transfer-encoding, host',
  'Connection: keep-alive',
  'Expect: 100-continue',
  'Upgrade: h2c',
  'Trailer: Host',
  'TE: trailers',
  'X: \xff',
  'X',
  ':',
  'X:',
  'X: a\nY: b',
  '\tX: y',
  'Content-Length: 4\r',
  'Proxy-Connection: close',
  'X-Forwarded-Host: evil.test',
  'Content-Encoding: gzip',
)
const end = fc.oneof(
  { weight: 12, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\r\n\r\n') },
)
const body = fc.constantFrom(
  '',
  '',
  'abcd',
  '0\r\n\r\n',
  '4\r\nabcd\r\n0\r\n\r\n',
  '4;a=b\r\nabcd\r\n0\r\nHost: evil.test\r\n\r\n',
  '4\nabcd\n0\n\n',
  '-4\r\nabcd\r\n',
  '4\r\nabcdX\r\n0\r\n\r\n',
  '0\r\n',
  '00\r\n\r\n',
  '4 \r\nabcd\r\n0\r\n\r\n',
  '0x4\r\nabcd\r\n0\r\n\r\n',
  '10000000000000004\r\nabcd\r\n0\r\n\r\n',
  hidden,
  `0\r\n\r\n${hidden}`,
  '\r\n',
  '0;\n\r\n\r\n',
  '4\r\nab',
)
const version = fc.oneof(
  { weight: 12, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', 'HTTP/0.9', '') },
)

/** Lines and a body: mostly as they belong together, else in any mixture. */
const rest = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<[string[], string]>(
      [[], ''],
      [['Content-Length: 4'], 'abcd'],
      [['Content-Length: 0'], ''],
      [['Transfer-Encoding: chunked'], '4;a=b\r\nabcd\r\n0\r\nX: y\r\n\r\n'],
      [[`Content-Length: ${String(hidden.length)}`, 'Connection: content-length'], hidden],
      [['Transfer-Encoding: Chunked'], `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`],
    ),
  },
  { weight: 2, arbitrary: fc.tuple(fc.array(line, { maxLength: 4 }), body) },
)

const requestTo = (entry: 'proxy' | 'plain') =>
  fc
    .record({ method, odd: fc.nat({ max: 19 }), host, path, version, rest, end })
    .map(({ method, odd, host, path, version, rest: [lines, body], end }) => {
      const target = (entry === 'proxy') === odd > 0 ? `http://${host}${path}` : path
      return `${method} ${target} ${version}${end}${[`Host: ${host}`, ...lines].join('\r\n')}\r\n${end}${body}`
    })

test.each(['proxy', 'plain'] as const)(
  'what upstream understood is what was recorded, whatever came in on %s',
  async (entry) => {
    await using upstream = await httpUpstream()
    await using world = await createWorld(upstream.port)
    const session = new FakeSession(POLICY)
    const port = await world.listen(session, { entry })
    let allowed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(requestTo(entry), { minLength: 1, maxLength: 3 }), async (requests) => {
        session.records.length = 0
        upstream.seen.length = 0
        await raw(port, requests.join(''))
        const passed = session.records.filter(({ verdict, end }) => verdict === 'allow' && end?.reason === null)
        allowed += passed.length
        expect(whole(upstream.seen)).toEqual(passed.map(({ method, host, path }) => ({ method, host, url: path })))
        expect(session.records.every(({ end }) => end !== undefined)).toBe(true)
        expect(upstream.faults).toEqual([])
      }),
      { numRuns: 1500 },
    )
    // It would be easy to be right by refusing everything.
    expect(allowed).toBeGreaterThan(300)
  },
  120_000,
)

test('the same bytes straight to node:http show requests that nobody decided on (control)', async () => {
  await using upstream = await httpUpstream()
  await raw(upstream.port, `GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: evil.test\r\n\r\n${hidden}`)
  expect(upstream.seen.map(({ url }) => url)).toEqual(['/', '/hidden'])
  expect(upstream.seen[0]?.rawHeaders).toContain('evil.test')
})

function whole(seen: readonly Seen[]) {
  return seen.filter(({ body }) => body !== 'aborted').map(({ method, host, url }) => ({ method, host, url }))
}
