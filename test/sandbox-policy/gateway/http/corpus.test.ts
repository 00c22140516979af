import { afterAll, beforeAll, expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { httpUpstream } from './support/upstream.ts'
import { createWorld, raw, type Entry } from './support/world.ts'

// Cases of the egress corpus at the level of one connection: raw bytes in, status and one record out, nothing upstream.

const RO = { allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] }
const RW = { ...RO, methods: 'all' as const }
const PROXY: Entry = { entry: 'proxy' }
const PLAIN: Entry = { entry: 'plain' }
const BOUND: Entry = { entry: 'bound', origin: { scheme: 'http', name: 'allowed.test', port: 80 } }

let upstream: Awaited<ReturnType<typeof httpUpstream>>
let world: Awaited<ReturnType<typeof createWorld>>
beforeAll(async () => {
  upstream = await httpUpstream()
  world = await createWorld(upstream.port)
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

const H = 'Host: allowed.test\r\n'
const URL = 'http://allowed.test/'
type Case = [id: string, policy: typeof RO | typeof RW, entry: Entry, bytes: string, status: number, reason: string]

const refused: Case[] = [
  [
    'B09 %2e',
    RW,
    PROXY,
    'GET http://evil.test%2e.allowed.test/ HTTP/1.1\r\nHost: evil.test%2e.allowed.test\r\n\r\n',
    400,
    'malformed',
  ],
  ['B11', RW, PROXY, 'GET http://allowed.test@evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n', 400, 'malformed'],
  ['B14', RW, PROXY, `GET http://\xef\xbd\x81llowed.test/ HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['B14 Host', RW, PLAIN, 'GET / HTTP/1.1\r\nHost: allow\xc2\xaded.test\r\n\r\n', 400, 'malformed'],
  ['B17', RW, PROXY, 'GET http://127.1/ HTTP/1.1\r\nHost: 127.1\r\n\r\n', 403, 'ip-literal'],
  ['B20', RW, PROXY, 'GET http://[64:ff9b::a9fe:a9fe]/ HTTP/1.1\r\nHost: x\r\n\r\n', 403, 'private-address'],
  ['self', RW, PROXY, 'GET http://10.213.0.6/ HTTP/1.1\r\nHost: 10.213.0.6\r\n\r\n', 403, 'self'],
  ['self origin-form', RW, PROXY, 'GET / HTTP/1.1\r\nHost: 10.213.0.6:3128\r\n\r\n', 403, 'self'],
  ['self name', RW, PLAIN, 'GET / HTTP/1.1\r\nHost: x.drydock.internal\r\n\r\n', 403, 'self'],
  [
    'self model on another port',
    RW,
    PROXY,
    'GET http://model.drydock.internal:81/ HTTP/1.1\r\nHost: model.drydock.internal:81\r\n\r\n',
    403,
    'self',
  ],
  ['origin-form to the proxy', RW, PROXY, `GET / HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['absolute form on port 80', RW, PLAIN, `GET ${URL} HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['other port in Host', RW, PLAIN, 'GET / HTTP/1.1\r\nHost: allowed.test:8080\r\n\r\n', 403, 'host-mismatch'],
  ['D02', RO, PROXY, `POST ${URL} HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`, 403, 'method'],
  ...['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'PURGE', 'SEARCH', 'TRACE', 'get'].map((method): Case => [
    `D03 ${method}`,
    RO,
    PROXY,
    `${method} ${URL} HTTP/1.1\r\n${H}\r\n`,
    403,
    'method',
  ]),
  ['TRACE where all is allowed', RW, PROXY, `TRACE ${URL} HTTP/1.1\r\n${H}\r\n`, 403, 'method'],
  ...['X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method'].map((name): Case => [
    `D05 ${name}`,
    RO,
    PROXY,
    `GET ${URL} HTTP/1.1\r\n${H}${name}: DELETE\r\n\r\n`,
    403,
    'header',
  ]),
  ['D06', RO, PROXY, `GET ${URL} HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nhello`, 403, 'body'],
  ['D06 chunked', RO, PROXY, `GET ${URL} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 403, 'body'],
  ['D08 with body', RO, PROXY, `OPTIONS * HTTP/1.1\r\n${H}Content-Length: 1\r\n\r\nx`, 403, 'body'],
  ['D09', RW, BOUND, `CONNECT allowed.test:443 HTTP/1.1\r\n${H}\r\n`, 405, 'malformed'],
  ['CONNECT on port 80', RW, PLAIN, `CONNECT allowed.test:443 HTTP/1.1\r\n${H}\r\n`, 405, 'malformed'],
  ['D11', RW, PROXY, `GET ${URL} HTTP/1.1\r\nHost: evil.test\r\n\r\n`, 400, 'malformed'],
  ['D12', RW, PROXY, `GET https://allowed.test/ HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['D14 1.0', RW, PROXY, `GET ${URL} HTTP/1.0\r\n\r\n`, 400, 'malformed'],
  ['D14 1.1', RW, PROXY, `GET ${URL} HTTP/1.1\r\n\r\n`, 400, 'malformed'],
  ['D14 0.9', RW, PROXY, `GET ${URL}\r\n`, 400, 'malformed'],
  ['D14 1.2', RW, PROXY, `GET ${URL} HTTP/1.2\r\n${H}\r\n`, 400, 'malformed'],
  ['D14 2.0', RW, PROXY, `GET ${URL} HTTP/2.0\r\n${H}\r\n`, 400, 'malformed'],
  ['F06 prior knowledge', RO, PROXY, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 403, 'upgrade'],
  [
    'F06 h2c',
    RO,
    PROXY,
    `GET ${URL} HTTP/1.1\r\n${H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    403,
    'upgrade',
  ],
  [
    'F06 h2c where all is allowed',
    RW,
    PROXY,
    `GET ${URL} HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    403,
    'upgrade',
  ],
  [
    'F08 websocket in safe mode',
    RO,
    PROXY,
    `GET ${URL} HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    403,
    'upgrade',
  ],
  [
    'upgrade without Connection',
    RW,
    PROXY,
    `GET ${URL} HTTP/1.1\r\n${H}Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    403,
    'upgrade',
  ],
  [
    'G01',
    RW,
    PROXY,
    `POST ${URL} HTTP/1.1\r\n${H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'malformed',
  ],
  [
    'G03',
    RW,
    PROXY,
    `POST ${URL} HTTP/1.1\r\n${H}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'malformed',
  ],
  ...['gzip, chunked', 'chunked, chunked', 'identity', 'chunked;q=1', '"chunked"', 'xchunked', ''].map((te): Case => [
    `G03 ${te}`,
    RW,
    PROXY,
    `POST ${URL} HTTP/1.1\r\n${H}Transfer-Encoding: ${te}\r\n\r\n0\r\n\r\n`,
    400,
    'malformed',
  ]),
  [
    'G03 in 1.0',
    RW,
    PROXY,
    `POST ${URL} HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'malformed',
  ],
  ...[
    'Content-Length: 2\r\nContent-Length: 3',
    'Content-Length: 2\r\nContent-Length: 2',
    'Content-Length: 2, 2',
    'Content-Length: +2',
    'Content-Length: -2',
    'Content-Length: 0x2',
    'Content-Length: 2 2',
    'Content-Length:',
    ' Content-Length: 2',
    'Content-Length : 2',
    'X: y\r\n Content-Length: 2',
    'Content-Length: 99999999999999999999',
  ].map((lines): Case => [
    `G04 ${lines}`,
    RW,
    PROXY,
    `POST ${URL} HTTP/1.1\r\n${H}${lines}\r\n\r\nab`,
    400,
    'malformed',
  ]),
  ['G06 same', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}${H}\r\n`, 400, 'malformed'],
  ['G06 different', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}Host: evil.test\r\n\r\n`, 400, 'malformed'],
  ['G07', RO, PLAIN, '\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', 403, 'host'],
  ['G07 too many', RO, PLAIN, `${'\r\n'.repeat(9)}GET / HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['G09', RW, BOUND, 'GET / HTTP/1.1\r\nHost: x.cdn.test\r\n\r\n', 403, 'host-mismatch'],
  ['G09 port', RW, BOUND, 'GET / HTTP/1.1\r\nHost: allowed.test:8080\r\n\r\n', 403, 'host-mismatch'],
  ['I10 CR', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}X: a\rb\r\n\r\n`, 400, 'malformed'],
  ['I10 LF', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}X: a\nEvil: b\r\n\r\n`, 400, 'malformed'],
  ['I10 NUL', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}X: a\0b\r\n\r\n`, 400, 'malformed'],
  ['bare LF everywhere', RW, PROXY, `GET ${URL} HTTP/1.1\nHost: allowed.test\n\n`, 400, 'malformed'],
  ['Expect', RW, PROXY, `POST ${URL} HTTP/1.1\r\n${H}Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx`, 417, 'malformed'],
  ['J01 20 kB head', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'malformed'],
  ['J01 200 fields', RW, PROXY, `GET ${URL} HTTP/1.1\r\n${H}${'X: a\r\n'.repeat(200)}\r\n`, 431, 'malformed'],
  ['J01 64 KiB target', RW, PROXY, `GET ${URL}${'a'.repeat(65_536)} HTTP/1.1\r\n${H}\r\n`, 414, 'malformed'],
  ['J01 8193 bytes of target', RW, PLAIN, `GET /${'a'.repeat(8192)} HTTP/1.1\r\n${H}\r\n`, 414, 'malformed'],
  ['a control character in the target', RW, PLAIN, `GET /\x1b[31m HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['a fragment', RW, PLAIN, `GET /a#b HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['two blanks', RW, PLAIN, `GET  / HTTP/1.1\r\n${H}\r\n`, 400, 'malformed'],
  ['TLS on the plain port', RW, PLAIN, '\x16\x03\x01\x02\x00\x01\x00', 400, 'malformed'],
]

test.each(refused)('serveHttp() refuses %s', async (_, policy, entry, bytes, status, reason) => {
  const session = new FakeSession(policy)
  const before = upstream.sockets.size
  // Without a FIN: the answer comes at once, and malformed requests end the connection by themselves.
  const text =
    status === 403
      ? await raw(await world.listen(session, entry), bytes)
      : await raw(await world.listen(session, entry), bytes, { fin: false })
  expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${String(status)}`)
  expect(text).toContain(`X-Drydock-Denied: ${reason}\r\n`)
  expect(text.match(/HTTP\/1\.1 [0-9]{3} /g)).toHaveLength(1)
  expect(session.records).toHaveLength(1)
  expect(session.records[0]).toMatchObject({ verdict: 'deny', end: { reason, status } })
  expect(upstream.sockets.size).toBe(before)
})

const passes: [id: string, entry: Entry, bytes: string, method: string, url: string][] = [
  ['D08', PROXY, `OPTIONS * HTTP/1.1\r\n${H}\r\n`, 'OPTIONS', '*'],
  ['D08 absolute', PROXY, `OPTIONS http://allowed.test HTTP/1.1\r\n${H}\r\n`, 'OPTIONS', '*'],
  ['D08 bound', BOUND, `OPTIONS * HTTP/1.1\r\n${H}\r\n`, 'OPTIONS', '*'],
  ['D14 1.0 with Host', PROXY, `GET ${URL} HTTP/1.0\r\n${H}\r\n`, 'GET', '/'],
  ['a query without path', PROXY, `GET http://allowed.test?q HTTP/1.1\r\n${H}\r\n`, 'GET', '/?q'],
  ['Host with the port', BOUND, 'GET /a HTTP/1.1\r\nHost: ALLOWED.test.:80\r\n\r\n', 'GET', '/a'],
  ['a path that looks like a server', PLAIN, `GET //evil.test/ HTTP/1.1\r\n${H}\r\n`, 'GET', '//evil.test/'],
  ['Content-Length: 0', PLAIN, `GET / HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`, 'GET', '/'],
  ['leading blank lines', PLAIN, `\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`, 'GET', '/'],
  ['one byte after the other', PLAIN, `GET / HTTP/1.1\r\n${H}\r\n`, 'GET', '/'],
]

test.each(passes)('serveHttp() passes %s with the canonical Host', async (_, entry, bytes, method, url) => {
  const session = new FakeSession(RO)
  const at = upstream.seen.length
  const text = await raw(await world.listen(session, entry), bytes)
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  expect(upstream.seen.slice(at)).toMatchObject([{ method, url, host: 'allowed.test' }])
  expect(await session.recorded(1)).toMatchObject([{ verdict: 'allow', method, path: url }])
})

test('serveHttp() strips hop-by-hop and proxy fields, never those that carry meaning (G10, I10)', async () => {
  const session = new FakeSession(RO)
  const at = upstream.seen.length
  const stripped = [
    'Keep-Alive: 1',
    'Proxy-Authorization: x',
    'Proxy-Connection: keep-alive',
    'TE: trailers',
    'Trailer: x',
    'X-Hop: 1',
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Host: evil.test',
    'Forwarded: for=1.2.3.4',
    'Via: 1.1 evil',
  ]
  const kept = ['Authorization: Bearer mine', 'Cookie: a=b', 'Cookie: c=d', 'X-Latin: \xe4', 'Accept: */*']
  const head = `GET / HTTP/1.1\r\n${H}Connection: authorization, host, cookie, X-Hop, keep-alive\r\n`
  await raw(await world.listen(session, PLAIN), `${head}${[...stripped, ...kept].join('\r\n')}\r\n\r\n`)
  const headers = upstream.seen[at]?.rawHeaders ?? []
  const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1] ?? ''}`] : []))
  expect(lines).toEqual(['Host: allowed.test', ...kept])
})

test('node:http accepts what is refused here: two Hosts, TE tricks, 1.0 without Host (control)', async () => {
  const at = upstream.seen.length
  const direct = [
    `GET / HTTP/1.1\r\n${H}Host: evil.test\r\nConnection: close\r\n\r\n`,
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
    'GET / HTTP/1.0\r\n\r\n',
    `GET http://a@evil.test/ HTTP/1.1\r\n${H}Connection: close\r\n\r\n`,
  ]
  for (const bytes of direct) expect(await raw(upstream.port, bytes)).toMatch(/^HTTP\/1\.1 200/)
  expect(upstream.seen.length - at).toBe(direct.length)
})
