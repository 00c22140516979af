import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { rawUpstream } from './support/upstream.ts'
import { createWorld, Talk } from './support/world.ts'

const RW = { allow: [{ host: 'allowed.test' }], methods: 'all' as const }
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const ASK = `GET /ws HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
const switchTo = (protocol: string, accept: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`

async function setUp(onHead: (socket: Socket) => void) {
  const upstream = await rawUpstream((socket) => {
    socket.once('data', () => onHead(socket))
  })
  const world = await createWorld(upstream.port)
  const session = new FakeSession(RW)
  const talk = new Talk(await world.listen(session, { entry: 'plain' }))
  const close = async () => {
    talk.socket.destroy()
    await world.close()
    await upstream.close()
  }
  return { upstream, world, session, talk, [Symbol.asyncDispose]: close }
}

test('a WebSocket passes both ways after its 101, and is cut when the policy goes (J06)', async () => {
  await using at = await setUp((socket) => {
    socket.write(switchTo('websocket', ACCEPT))
    socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`))
  })
  at.talk.send(ASK)
  expect(await at.talk.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 [^]*Upgrade: websocket/)
  at.talk.send('frame')
  expect(await at.talk.until('echo frame')).toBe('echo frame')
  at.session.setPolicy({ allow: [{ host: 'allowed.test' }] })
  await at.talk.closed()
  const [record] = await at.session.recorded(1)
  expect(record).toMatchObject({ verdict: 'allow', end: { status: 101, reason: 'revoked' } })
  expect(record?.end?.bytesDown).toBeGreaterThan('echo frame'.length)
  expect(at.world.pool.idleCount()).toBe(0)
})

test('the end of a WebSocket is passed on', async () => {
  await using at = await setUp((socket) => socket.end(`${switchTo('websocket', ACCEPT)}bye`))
  at.talk.send(ASK)
  expect(await at.talk.until('bye')).toContain('bye')
  at.talk.socket.end()
  await at.talk.closed()
  expect(await at.session.recorded(1)).toMatchObject([{ end: { status: 101, reason: null } }])
})

test.each([
  ['with the request', `${ASK}early`, ''],
  ['before the 101', ASK, 'early'],
])('bytes %s close the connection, and none reaches the server (F08)', async (_, first, second) => {
  await using at = await setUp(() => at.talk.send(second))
  at.talk.send(first)
  expect(await at.talk.closed()).toBe('')
  expect(at.upstream.received.join('')).not.toContain('early')
  expect(await at.session.recorded(1)).toMatchObject([{ end: { reason: 'malformed' } }])
})

test('an answer other than 101 passes, then the connection closes (F08)', async () => {
  await using at = await setUp((socket) => socket.write('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'))
  at.talk.send(ASK)
  expect(await at.talk.until('no')).toMatch(/403 [^]*Connection: close/)
  at.talk.send('GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n')
  expect(await at.talk.closed()).toBe('')
  expect(at.upstream.received.join('')).not.toContain('GET / ')
})

test.each([
  ['a false accept', switchTo('websocket', 'AAAA')],
  ['another protocol', switchTo('h2c', ACCEPT)],
  ['a body', switchTo('websocket', ACCEPT).replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\n')],
])('a 101 with %s is a 502', async (_, answer) => {
  await using at = await setUp((socket) => socket.write(answer))
  at.talk.send(ASK)
  expect(await at.talk.closed()).toMatch(/^HTTP\/1\.1 502 /)
})
