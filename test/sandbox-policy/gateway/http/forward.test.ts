import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { answering, httpUpstream, rawUpstream } from './support/upstream.ts'
import { createWorld, raw, Talk, type Entry, type WorldOptions } from './support/world.ts'

const RW = { allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }], methods: 'all' as const }
const PLAIN: Entry = { entry: 'plain' }
const H = 'Host: allowed.test\r\n'
const GET = `GET / HTTP/1.1\r\n${H}\r\n`
const POST = `POST / HTTP/1.1\r\n${H}`

/** One gateway before one upstream of bare bytes. */
async function setUp(onConnection: (socket: Socket, index: number) => void, options: WorldOptions = {}) {
  const upstream = await rawUpstream(onConnection)
  const world = await createWorld(upstream.port, options)
  const session = new FakeSession(RW)
  const port = await world.listen(session, PLAIN)
  const close = async () => {
    await world.close()
    await upstream.close()
  }
  return { upstream, world, session, port, [Symbol.asyncDispose]: close }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test.each([
  ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
  ['two status digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
  ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['chunks in 1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  [
    'a switch that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ],
  ['endless 1xx', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)],
  ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX: \0\r\n\r\n'],
])('an upstream that answers with %s is a 502, recorded, and its connection is not kept', async (_, answer) => {
  await using at = await setUp(answering(answer))
  expect(await raw(at.port, GET)).toMatch(/^HTTP\/1\.1 502 /)
  expect(await at.session.recorded(1)).toMatchObject([{ verdict: 'allow', end: { status: 502, reason: 'malformed' } }])
  expect(at.world.pool.idleCount()).toBe(0)
})

test.each([
  ['a length', OK, 'ok'],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n1;ext=1\r\no\r\n1\r\nk\r\n0\r\nTrailer: x\r\n\r\n',
    '2\r\nok\r\n0\r\n\r\n',
  ],
  ['its end', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok', '2\r\nok\r\n0\r\n\r\n'],
])('a body told by %s comes whole, framed anew', async (_, answer, body) => {
  await using at = await setUp((socket) => {
    answering(answer)(socket)
    socket.on('data', () => answer.includes('close') && socket.end())
  })
  const text = await raw(at.port, GET)
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(body)
  expect(text).not.toContain('Trailer')
  expect(await at.session.recorded(1)).toMatchObject([{ end: { status: 200, reason: null } }])
})

test.each([
  ['HEAD', `HEAD / HTTP/1.1\r\n${H}\r\n`, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'Content-Length: 5\r\n'],
  ['304', GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', 'Content-Length: 5\r\n'],
  ['204', GET, 'HTTP/1.1 204 No Content\r\n\r\n', '204 No Content\r\n'],
])('an answer to %s has no body, and the connection goes on', async (_, request, answer, line) => {
  await using at = await setUp(answering(answer))
  const text = await raw(at.port, request + request)
  expect(text.match(/HTTP\/1\.1 [0-9]{3}/g)).toHaveLength(2)
  expect(text).toContain(line)
  expect(at.world.dials).toHaveLength(1)
})

test('redirects, encodings and SSE pass as they are; Alt-Svc, hop-by-hop fields and a false denial do not', async () => {
  const fields = 'Location: http://169.254.169.254/\r\nContent-Encoding: gzip, gzip\r\n'
  const dropped =
    'Alt-Svc: h3=":443"\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nConnection: X-Hop, content-encoding\r\nX-Drydock-Denied: host\r\n'
  await using at = await setUp(answering(`HTTP/1.1 302 Whatever\x80\r\n${dropped}${fields}Content-Length: 0\r\n\r\n`))
  expect(await raw(at.port, GET)).toBe(`HTTP/1.1 302 Found\r\n${fields}Content-Length: 0\r\n\r\n`)
})

test('a body that is cut short upstream is cut for the client, too, and never looks whole', async () => {
  await using at = await setUp((socket) => {
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'))
  })
  const text = await raw(at.port, GET)
  expect(text).toContain('hello')
  expect(text).not.toContain('0\r\n\r\n')
  expect(await at.session.recorded(1)).toMatchObject([{ end: { reason: 'upstream-unreachable' } }])
})

test('bytes behind an answer are never the next answer', async () => {
  await using at = await setUp(answering(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`))
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('ok')
  talk.send(GET)
  expect(await talk.until('ok')).not.toContain('forged')
  expect(at.world.dials).toHaveLength(2)
  talk.socket.destroy()
})

test('nothing goes upstream before the record stands, and nothing when it cannot', async () => {
  await using at = await setUp(answering(OK))
  let asked = 0
  at.session.beforeAllow = async () => {
    asked = at.upstream.sockets.length
  }
  expect(await raw(at.port, GET)).toContain('200 OK')
  expect(asked).toBe(0)
  at.session.ledgerBroken = true
  expect(await raw(at.port, `GET / HTTP/1.1\r\nHost: x.cdn.test\r\n\r\n`)).toMatch(/^HTTP\/1\.1 503 [^]*ledger-failed/)
  expect(at.upstream.sockets).toHaveLength(1)
})

test('a kept connection that died is replaced for a GET, not for a POST with a body', async () => {
  await using at = await setUp((socket, index) => {
    // The first answers once, and hangs up at the second request without a word.
    let count = 0
    socket.on('data', () => (index === 0 && ++count === 2 ? socket.destroy() : socket.write(OK)))
  })
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('ok')
  talk.send(GET)
  expect(await talk.until('ok')).toContain('200 OK')
  expect(at.world.dials).toHaveLength(2)
  expect(await at.session.recorded(2)).toHaveLength(2)
  talk.socket.destroy()
})

test('a POST on a kept connection that died is a 502, never sent twice', async () => {
  await using at = await setUp((socket) => {
    let count = 0
    socket.on('data', () => (++count === 2 ? socket.destroy() : socket.write(OK)))
  })
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('ok')
  talk.send(`${POST}Content-Length: 1\r\n\r\nx`)
  expect(await talk.closed()).toContain('502')
  expect(at.world.dials).toHaveLength(1)
})

test('two sandboxes never share an upstream connection (H08)', async () => {
  await using at = await setUp(answering(OK))
  const other = await at.world.listen(new FakeSession(RW, 'sandbox-2'), PLAIN)
  await raw(at.port, GET)
  await raw(other, GET)
  await raw(at.port, GET)
  expect(at.world.dials).toHaveLength(2)
})

test('a name whose address changed gets a new connection (H08)', async () => {
  let address = '203.0.113.7'
  await using at = await setUp(answering(OK), { resolve: async () => [address], pool: { addressesMs: 0 } })
  await raw(at.port, GET)
  address = '203.0.113.8'
  await raw(at.port, GET)
  expect(at.world.dials.map((dial) => dial.address)).toEqual(['203.0.113.7', '203.0.113.8'])
})

test('a policy change cuts what it no longer allows, within a second, and flushes the pool (J06)', async () => {
  await using at = await setUp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'))
  })
  await raw(await at.world.listen(at.session, PLAIN), 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n')
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('data: 1')
  const gone = once(at.upstream.sockets[0] as Socket, 'end')
  at.session.setPolicy({})
  await talk.closed()
  await gone
  expect((await at.session.recorded(2))[1]).toMatchObject({ verdict: 'allow', end: { status: 200, reason: 'revoked' } })
})

test('a policy change that still allows it cuts nothing, but idle connections go', async () => {
  await using at = await setUp(answering(OK))
  await raw(at.port, GET)
  expect(at.world.pool.idleCount(at.session)).toBe(1)
  at.session.setPolicy(RW)
  expect(at.world.pool.idleCount(at.session)).toBe(0)
  expect(await raw(at.port, GET)).toContain('200 OK')
})

test('the end of a sandbox closes its connections, idle ones and upstream ones among them', async () => {
  await using at = await setUp(answering(OK))
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('ok')
  const gone = once(at.upstream.sockets[0] as Socket, 'end')
  at.session.end()
  await talk.closed()
  await gone
  expect(at.world.pool.idleCount()).toBe(0)
})

test('the byte limit cuts an answer, with reason rate', async () => {
  await using at = await setUp(answering(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`))
  at.session.bytesLeft = 50_000
  expect((await raw(at.port, GET)).length).toBeLessThan(100_000)
  expect(await at.session.recorded(1)).toMatchObject([{ end: { reason: 'rate' } }])
})

test('too many requests are a 429 with reason rate', async () => {
  await using at = await setUp(answering(OK))
  at.session.requestsLeft = 0
  expect(await raw(at.port, GET)).toMatch(/^HTTP\/1\.1 429 [^]*X-Drydock-Denied: rate/)
})

test('a client that sends its head slowly, or nothing, is let go', async () => {
  await using at = await setUp(answering(OK), { limits: { headMs: 60, idleMs: 60 } })
  expect(await raw(at.port, 'GET / HT', { fin: false })).toMatch(/^HTTP\/1\.1 408 /)
  expect(await raw(at.port, '', { fin: false })).toBe('')
  expect(at.session.records).toHaveLength(1)
})

test('an exchange without a byte either way ends', async () => {
  await using at = await setUp(() => undefined, { limits: { stallMs: 80 } })
  await raw(at.port, GET, { fin: false })
  expect(await at.session.recorded(1)).toMatchObject([
    { verdict: 'allow', end: { status: null, reason: 'upstream-unreachable' } },
  ])
})

test('an answer before the end of the request body reaches the client, then the connection closes', async () => {
  await using at = await setUp((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno'))
  })
  const text = await raw(at.port, `${POST}Content-Length: 1000000\r\n\r\nstart`, { fin: false })
  expect(text).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close\r\n[^]*no$/)
  expect(at.world.pool.idleCount()).toBe(0)
})

test.each([
  ['a bad size', 'zz\r\n'],
  ['a size with a sign', '+1\r\na\r\n0\r\n\r\n'],
  ['a size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['a bare LF', '1\na\n0\n\n'],
  ['data longer than its size', '1\r\nab\r\n0\r\n\r\n'],
  ['a huge size', 'ffffffffffffffff\r\na'],
  ['a trailer that is no field', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ['a bare CR in an extension', '1;a\rb\r\na\r\n0\r\n\r\n'],
  ['endless extensions', `1;${'a'.repeat(20_000)}\r\na\r\n0\r\n\r\n`],
  ['a cut', '5\r\nab'],
])('a chunked request body with %s never looks whole upstream', async (_, body) => {
  const upstream = await httpUpstream()
  await using world = await createWorld(upstream.port)
  const session = new FakeSession(RW)
  const text = await raw(await world.listen(session, PLAIN), `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`)
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
  expect(await session.recorded(1)).toMatchObject([{ end: { reason: 'malformed' } }])
  await upstream.close()
  expect(upstream.seen.filter((seen) => seen.body !== 'aborted')).toEqual([])
})

test('chunk extensions and trailers of a request are dropped', async () => {
  await using at = await setUp(answering(OK))
  const body = '2;x="y"\r\nab\r\n0\r\nX-Trailer: 1\r\n\r\n'
  await raw(at.port, `${POST}Transfer-Encoding: Chunked\r\n\r\n${body}`)
  expect(at.upstream.received[0]).toBe(
    `POST / HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  )
})

test('a server that cannot be reached is a 502 with its reason, and the connection goes on', async () => {
  await using world = await createWorld(1)
  const session = new FakeSession(RW)
  const text = await raw(await world.listen(session, PLAIN), GET + GET)
  expect(text.match(/HTTP\/1\.1 502 [^]*?X-Drydock-Denied: upstream-unreachable/g)).toHaveLength(2)
  expect(await session.recorded(2)).toMatchObject([{ verdict: 'allow', end: { status: 502 } }, {}])
})
