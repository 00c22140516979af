import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { addressSet } from '../../../../sandbox-policy/addresses.ts'
import { createDialer, type DialSettings } from '../../../../sandbox-policy/gateway/upstream/gateway-dialer.ts'
import { createTlsUpgrade } from '../../../../sandbox-policy/gateway/upstream/tls.ts'
import { dialAddress } from '../../../../sandbox-policy/gateway/upstream/tcp.ts'
import { corporate, serverCertificate } from '../listen/world.ts'

const SETTINGS: DialSettings = {
  forbidden: ['10.213.0.0/16'],
  hostAddresses: ['192.0.2.9'],
  staticHosts: {},
  upstreamCas: [],
}
const { signal } = new AbortController()
const dialerTo = (addresses: readonly string[], settings: Partial<DialSettings> = {}) => {
  const all = { ...SETTINGS, ...settings }
  return createDialer({
    settings: () => all,
    resolve: async () => addresses,
    ownAddresses: () => addressSet(['172.20.0.5', '198.51.100.7']),
  })
}
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})
async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket.on('error', () => {})))
  closing.push(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('resolve()', () => {
  test.each([
    ['H02', ['10.0.0.1']],
    ['H02', ['172.16.0.1']],
    ['H02', ['192.168.1.1']],
    ['H02', ['100.64.0.1']],
    ['H02', ['127.0.0.1']],
    ['H02', ['0.0.0.0']],
    ['H02', ['192.0.0.1']],
    ['H02', ['198.18.0.1']],
    ['H02', ['240.0.0.1']],
    ['H02', ['255.255.255.255']],
    ['H02', ['224.0.0.1']],
    ['H02', ['169.254.169.254']],
    ['H03', ['93.184.216.34', '127.0.0.1']],
    ['H06', ['::ffff:10.0.0.1']],
    ['H06', ['64:ff9b::a00:1']],
    ['H06', ['2002:a00:1::']],
  ])('%s refuses the whole of %j', async (_id, addresses) => {
    const name = addresses.length > 1 ? addresses[1] : addresses[0]
    await expect(dialerTo(addresses).resolve('allowed.test', { internal: false }, signal)).rejects.toMatchObject({
      reason: 'private-address',
      address: name,
    })
  })

  test('gives public addresses; private ones to an internal rule only, within the bounds', async () => {
    const ask = (address: string, internal: boolean) =>
      dialerTo([address])
        .resolve('allowed.test', { internal }, signal)
        .then(
          () => 'ok',
          (error: { reason: string }) => error.reason,
        )
    expect(await ask('93.184.216.34', false)).toBe('ok')
    expect(await ask('10.0.0.1', true)).toBe('ok')
    expect(await ask('192.0.2.9', true)).toBe('ok')
    expect(await ask('10.213.0.9', true)).toBe('private-address')
    expect(await ask('127.0.0.1', true)).toBe('private-address')
    expect(await ask('169.254.169.254', true)).toBe('private-address')
  })

  test.each([true, false])('never leads to the gateway itself, internal %s', async (internal) => {
    for (const address of ['172.20.0.5', '198.51.100.7', '::ffff:172.20.0.5'])
      await expect(dialerTo(['93.184.216.34', address]).resolve('a.test', { internal }, signal)).rejects.toMatchObject({
        reason: 'self',
        address,
      })
  })

  test('takes names in canonical form only', async () => {
    for (const name of ['A.test', 'a.test.', '127.0.0.1', 'a.test\r\nx', ''])
      await expect(dialerTo(['93.184.216.34']).resolve(name, { internal: true }, signal)).rejects.toMatchObject({
        reason: 'upstream-dns',
      })
  })
})

describe('connectTls()', () => {
  const upgrade = createTlsUpgrade([corporate.cert])
  async function serve(options: object, partition?: string) {
    const port = await listen(
      createTlsServer({ ...serverCertificate('a.test'), ...options }, (socket) => socket.end('hi')).on(
        'tlsClientError',
        () => {},
      ),
    )
    return async () => {
      const target = { name: 'a.test', address: '127.0.0.1', port, ...(partition && { partition }) }
      const tls = await upgrade(await dialAddress(target, signal), target, signal)
      const reused = tls.isSessionReused()
      await once(tls.resume(), 'end')
      tls.destroy()
      return reused
    }
  }

  test('verifies by the configured CAs, and offers http/1.1 alone', async () => {
    let alpn: string[] = []
    const connect = await serve({
      ALPNCallback: ({ protocols }: { protocols: string[] }) => ((alpn = protocols), 'http/1.1'),
    })
    expect(await connect()).toBe(false)
    expect(alpn).toEqual(['http/1.1'])
  })

  test.each([
    ['another name', serverCertificate('b.test')],
    ['an expired one', serverCertificate('a.test', new Date(Date.now() - 48 * 3600_000))],
    ['old TLS', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }],
  ])('E10 refuses %s', async (_what, options) => {
    await expect((await serve(options))()).rejects.toMatchObject({ reason: 'upstream-tls', address: '127.0.0.1' })
  })

  const asks = { requestCert: true, ca: corporate.cert }
  test.each(['TLSv1.2', 'TLSv1.3'])(
    'E13 a server that requires a client certificate is refused before a request (%s)',
    async (version) => {
      const only = { minVersion: version, maxVersion: version }
      await expect((await serve({ ...asks, ...only, rejectUnauthorized: true }))()).rejects.toMatchObject({
        reason: 'upstream-tls',
      })
      expect(await (await serve({ ...asks, ...only, rejectUnauthorized: false }))()).toBe(false)
    },
  )

  test('a server that wants another key share first is served', async () => {
    expect(await (await serve({ ecdhCurve: 'P-384' }))()).toBe(false)
  })

  test('a CA that is not configured is not trusted', async () => {
    const port = await listen(createTlsServer(serverCertificate('a.test')).on('tlsClientError', () => {}))
    const target = { name: 'a.test', address: '127.0.0.1', port }
    await expect(createTlsUpgrade([])(await dialAddress(target, signal), target, signal)).rejects.toMatchObject({
      reason: 'upstream-tls',
    })
  })

  test('a server that speaks no TLS is no TLS server', async () => {
    const port = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    const target = { name: 'a.test', address: '127.0.0.1', port }
    await expect(upgrade(await dialAddress(target, signal), target, signal)).rejects.toMatchObject({
      reason: 'upstream-tls',
    })
  })

  test('resumes within a partition only', async () => {
    const connect = await serve({ maxVersion: 'TLSv1.2' }, 's1')
    expect(await connect()).toBe(false)
    expect(await connect()).toBe(true)
    const without = await serve({ maxVersion: 'TLSv1.2' })
    expect([await without(), await without()]).toEqual([false, false])
  })
})

describe('connectTcp()', () => {
  test('dials addresses, never names', async () => {
    await expect(
      dialerTo([]).connectTcp({ name: 'a.test', address: 'localhost', port: 80 }, signal),
    ).rejects.toMatchObject({
      reason: 'upstream-unreachable',
    })
  })

  test('says when nobody listens, and when nobody waits any more', async () => {
    const server = createServer()
    const port = await listen(server)
    server.close()
    await once(server, 'close')
    const target = { name: 'a.test', address: '127.0.0.1', port }
    await expect(dialerTo([]).connectTcp(target, signal)).rejects.toMatchObject({
      reason: 'upstream-unreachable',
      address: '127.0.0.1',
    })
    await expect(dialerTo([]).connectTcp(target, AbortSignal.abort())).rejects.toMatchObject({
      reason: 'upstream-unreachable',
    })
  })

  describe('through a corporate proxy', () => {
    async function proxy(answer: string) {
      const heads: string[] = []
      const port = await listen(
        createServer((socket) => {
          socket.once('data', (chunk: Buffer) => {
            heads.push(chunk.toString())
            socket.write(answer)
          })
        }),
      )
      return { heads, dialer: dialerTo([], { upstreamProxy: `http://user:p%40ss@127.0.0.1:${port}` }) }
    }

    test('H09 names only go out, and what the server says first is not lost', async () => {
      const { heads, dialer } = await proxy('HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nhello')
      expect(await dialer.resolve('a.test', { internal: false }, signal)).toEqual(['proxy'])
      const socket = await dialer.connectTcp({ name: 'a.test', address: 'proxy', port: 443 }, signal)
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      expect(bytes.toString()).toBe('hello')
      socket.destroy()
      expect(heads).toEqual([
        `CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic ${btoa('user:p@ss')}\r\n\r\n`,
      ])
    })

    test.each(['HTTP/1.1 403 Forbidden\r\n\r\n', 'SSH-2.0-x\r\n\r\n', 'x'.repeat(20_000)])(
      '%.20s is a refusal',
      async (answer) => {
        const { dialer } = await proxy(answer)
        await expect(dialer.connectTcp({ name: 'a.test', address: 'proxy', port: 443 }, signal)).rejects.toMatchObject({
          reason: 'upstream-unreachable',
        })
      },
    )

    test('what an internal rule opens is resolved, vetted and dialled without it', async () => {
      const upstreamProxy = 'http://127.0.0.1:1'
      const inside = dialerTo(['10.9.9.9'], { upstreamProxy })
      expect(await inside.resolve('a.test', { internal: true }, signal)).toEqual(['10.9.9.9'])
      await expect(
        dialerTo(['169.254.169.254'], { upstreamProxy }).resolve('a.test', { internal: true }, signal),
      ).rejects.toMatchObject({ reason: 'private-address' })
      const port = await listen(createServer((socket) => socket.end('direct')))
      const socket = await inside.connectTcp({ name: 'a.test', address: '127.0.0.1', port }, signal)
      expect(String((await once(socket, 'data'))[0])).toBe('direct')
    })
  })
})
