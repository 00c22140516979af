import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_SANDBOX_LIMITS } from '../../../../sandbox-policy/control.ts'
import {
  get,
  openConnect,
  plainUpstream,
  readAll,
  readUntil,
  SANDBOX,
  serverCertificate,
  startTls,
  startWorld,
  tlsUpstream,
  type World,
} from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const closedOf = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'))

describe('CONNECT', () => {
  test('to an allowed name is inspected, and leaves the record of its request only', async () => {
    const { server, seen } = tlsUpstream('allowed.test')
    world.routes.set('allowed.test:443', await world.upstream(server))
    const { socket, head } = await openConnect(world, 'allowed.test:443')
    expect(head).toMatch(/^HTTP\/1\.1 200 /)
    const tls = await startTls(world, socket, { servername: 'allowed.test', ALPNProtocols: ['h2', 'http/1.1'] })
    expect(tls.alpnProtocol).toBe('http/1.1')
    expect(await get(tls, 'allowed.test', '/a?b')).toContain('200 OK')
    tls.end()
    await closedOf(socket)
    expect(seen).toHaveLength(1)
    expect(world.ledger()).toMatchObject([
      { layer: 'http', host: 'allowed.test', port: 443, method: 'GET', path: '/a?b', verdict: 'allow', status: 200 },
    ])
  })

  test('B02 with a trailing dot and capitals is the one name everywhere', async () => {
    const { server } = tlsUpstream('allowed.test')
    world.routes.set('allowed.test:443', await world.upstream(server))
    const { socket } = await openConnect(world, 'aLLowed.TEST.:443')
    const tls = await startTls(world, socket, { servername: 'allowed.test' })
    expect(tls.getPeerCertificate().subjectaltname).toBe('DNS:allowed.test')
    expect(await get(tls, 'allowed.test.')).toContain('200 OK')
    tls.destroy()
    expect(world.dialed).toEqual(['allowed.test:443'])
  })

  test.each([
    ['B03', 'allowed.test..:443', 400, 'malformed'],
    ['B06', 'evilallowed.test:443', 403, 'host'],
    ['B06', 'allowed.test.evil.test:443', 403, 'host'],
    ['B08', '[::ffff:1.2.3.4%x.allowed.test]:443', 400, 'malformed'],
    ['B09', 'evil.test%2e.allowed.test:443', 400, 'malformed'],
    ['B09', 'evil.test#.allowed.test:443', 400, 'malformed'],
    ['B12', 'allowed.test:443@evil.test:443', 400, 'malformed'],
    ['B21', '140.82.114.4:443', 403, 'ip-literal'],
    ['B17', '127.1:443', 403, 'ip-literal'],
    ['B20', '[64:ff9b::a9fe:a9fe]:443', 403, 'private-address'],
    ['B23', 'allowed.test:22', 403, 'port'],
    ['B23', 'allowed.test:8443', 403, 'port'],
    ['B23', 'allowed.test:0', 400, 'malformed'],
    ['B23', 'allowed.test:65536', 400, 'malformed'],
    ['B23', 'allowed.test:+443', 400, 'malformed'],
    ['B23', 'allowed.test:0443', 400, 'malformed'],
    ['', 'allowed.test', 400, 'malformed'],
    ['', 'allowed.test:', 400, 'malformed'],
    ['', ':443', 400, 'malformed'],
    ['', 'model.drydock.internal:80', 403, 'host'],
    ['', 'gateway.drydock.internal:443', 403, 'self'],
  ])('%s %s is answered %i, reason %s, with one record', async (_id, authority, status, reason) => {
    const socket = world.dial(world.ports.proxy)
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    const answer = (await readAll(socket)).toString('latin1')
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer.toLowerCase()).toContain(`x-drydock-denied: ${reason}\r\n`)
    expect(answer).toMatch(/\r\n\r\n\S.*\.\n$/)
    expect(world.ledger()).toMatchObject([{ layer: 'connect', verdict: 'deny', reason, status }])
    expect(world.dialed).toEqual([])
  })

  test('B14 B15 with bytes outside ASCII is refused', async () => {
    for (const name of ['ａllowed.test', 'allow\u00aded.test', 'allowed。test', '127.0.0.¹']) {
      const socket = world.dial(world.ports.proxy)
      socket.write(`CONNECT ${name}:443 HTTP/1.1\r\nHost: ${name}:443\r\n\r\n`)
      expect((await readAll(socket)).toString('latin1')).toMatch(/^HTTP\/1\.1 400 /)
    }
    expect(world.ledger().map((each) => each.reason)).toEqual(Array(4).fill('malformed'))
  })

  test('E01 with another name in the ClientHello is refused; no certificate is made for either', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    await expect(startTls(world, socket, { servername: 'evil.test' })).rejects.toThrow(/unrecognized name/)
    await closedOf(socket)
    expect(world.minted).toEqual([])
    expect(world.ledger()).toMatchObject(
      [{ layer: 'connect', verdict: 'deny', reason: 'sni-mismatch', host: 'evil.test', asked: 'evil.test' }].map(
        (each) => ({ ...each, layer: 'tls' }),
      ),
    )
  })

  test('to an allowed name with an allowed other name in the ClientHello is refused all the same', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    await expect(startTls(world, socket, { servername: 'x.cdn.test' })).rejects.toThrow()
    await closedOf(socket)
    expect(world.ledger()).toMatchObject([{ reason: 'sni-mismatch' }])
  })

  test('without a name in the ClientHello is refused', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    await expect(startTls(world, socket, { servername: '' })).rejects.toThrow()
    await closedOf(socket)
    expect(world.ledger()).toMatchObject([{ layer: 'tls', reason: 'no-sni' }])
  })

  test.each([
    ['E07', 'SSH-2.0-x\r\n', 443],
    ['plain HTTP on 443', 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n', 443],
    ['', '\0\0\0', 80],
    ['SSLv2', '\x80\x2e\x01\x03', 443],
  ])('%s bytes %j in it go nowhere', async (_id, bytes, port) => {
    // An S begins no method that is refused on port 80, but SSH-2.0 is no HTTP either.
    const { socket } = await openConnect(world, `allowed.test:${port}`)
    socket.write(bytes)
    await readAll(socket)
    expect(world.ledger()).toMatchObject([
      { layer: 'connect', verdict: 'deny', reason: 'not-tls', host: 'allowed.test' },
    ])
    expect(world.dialed).toEqual([])
  })

  test('to port 80 is plain HTTP bound to that name', async () => {
    const { server, seen } = plainUpstream()
    world.routes.set('allowed.test:80', await world.upstream(server))
    const { socket } = await openConnect(world, 'allowed.test:80')
    expect(await get(socket, 'allowed.test')).toContain('200 OK')
    socket.write('GET / HTTP/1.1\r\nHost: x.cdn.test\r\n\r\n')
    expect(await readUntil(socket, '\n\n'.slice(1))).toContain('403')
    socket.destroy()
    expect(seen).toHaveLength(1)
    expect(world.ledger()).toMatchObject([
      { layer: 'http', verdict: 'allow' },
      { layer: 'http', verdict: 'deny', reason: 'host-mismatch' },
    ])
  })

  test('bytes sent along with the head are not lost', async () => {
    const { server } = plainUpstream()
    world.routes.set('allowed.test:80', await world.upstream(server))
    const socket = world.dial(world.ports.proxy)
    socket.write(
      'CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test:80\r\n\r\nGET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n',
    )
    expect(await readUntil(socket, 'hello')).toContain('200 OK')
    socket.destroy()
  })

  test('a client that ends its side with the request gets the answer', async () => {
    const { server } = plainUpstream()
    world.routes.set('allowed.test:80', await world.upstream(server))
    const socket = world.dial(world.ports.proxy, { allowHalfOpen: true })
    socket.end(
      'CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test:80\r\n\r\nGET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n',
    )
    expect((await readAll(socket)).toString()).toContain('hello')
  })

  test('that is opened and never used leaves one record', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    socket.end()
    await closedOf(socket)
    expect(world.ledger()).toMatchObject([
      { layer: 'connect', verdict: 'allow', host: 'allowed.test', port: 443, status: 200, reason: null, bytesUp: 0 },
    ])
    expect(world.records.at(-1)?.ms).not.toBeNull()
  })

  test.each(['a client that does not trust the CA', 'a client that leaves after the handshake'])(
    'of %s leaves one record',
    async (kind) => {
      const { socket } = await openConnect(world, 'allowed.test:443')
      if (kind.includes('trust')) {
        await expect(
          startTls(world, socket, { servername: 'allowed.test', ca: serverCertificate('x').cert }),
        ).rejects.toThrow()
      } else (await startTls(world, socket, { servername: 'allowed.test' })).end()
      await closedOf(socket)
      await expect.poll(() => world.ledger().length).toBe(1)
      expect(world.ledger()).toMatchObject([{ layer: 'connect', verdict: 'allow', host: 'allowed.test', reason: null }])
    },
  )

  test('F02 HTTP/2 is not spoken: only http/1.1 is offered', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    await expect(startTls(world, socket, { servername: 'allowed.test', ALPNProtocols: ['h2'] })).rejects.toThrow()
    const second = await openConnect(world, 'allowed.test:443')
    const tls = await startTls(world, second.socket, { servername: 'allowed.test' })
    const client = connectHttp2('https://allowed.test', { createConnection: () => tls })
    await once(client, 'error')
    client.destroy()
    expect(world.dialed).toEqual([])
  })

  test('J06 that is open is closed when the policy no longer allows it; its record says so', async () => {
    const { socket } = await openConnect(world, 'allowed.test:443')
    const tls = await startTls(world, socket, { servername: 'allowed.test' })
    await world.put({ allow: [{ host: 'x.cdn.test' }] }, { policyVersion: 2 })
    await closedOf(tls)
    await expect.poll(() => world.ledger()).toMatchObject([{ layer: 'connect', reason: 'revoked' }])
  })

  test('is counted: one over the limit is reset, recorded once, and the place is free again afterwards', async () => {
    await world.put({ allow: [{ host: 'allowed.test' }] }, { limits: { ...DEFAULT_SANDBOX_LIMITS, connections: 2 } })
    const first = await openConnect(world, 'allowed.test:443')
    const second = await openConnect(world, 'allowed.test:443')
    for (let i = 0; i < 5; i += 1) expect(await readAll(world.dial(world.ports.proxy))).toHaveLength(0)
    expect(world.ledger().filter((each) => each.reason === 'rate')).toHaveLength(1)
    first.socket.destroy()
    await expect.poll(() => world.ledger().filter((each) => each.verdict === 'allow')).toHaveLength(1)
    expect((await openConnect(world, 'allowed.test:443')).head).toContain('200')
    second.socket.destroy()
  })

  test('from an address that is no sandbox is reset without a word', async () => {
    const socket = world.dial(world.ports.proxy, { localAddress: '127.213.0.3' })
    socket.write('CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n')
    expect(await readAll(socket)).toHaveLength(0)
    expect(world.records).toEqual([])
    expect(SANDBOX).not.toBe('127.213.0.3')
  })
})
