import { connect as connectTcp, createServer } from 'node:net'
import { once } from 'node:events'
import { connect, type ConnectionOptions } from 'node:tls'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { MAX_HELLO_BYTES, readClientHello } from '../../../../sandbox-policy/gateway/tls/client-hello.ts'
import { ascii, ECH, hello, sized, sni, u16 } from './hello.ts'
import { judgeHello } from '../../../../sandbox-policy/gateway/tls/judge.ts'

/** The ClientHello of a real client. */
async function capture(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connectTcp((server.address() as { port: number }).port, '127.0.0.1')
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as never as [
    [typeof socket],
    unknown,
  ]
  const tls = connect({ socket, ...options }).on('error', () => {})
  const [bytes] = (await once(peer, 'data')) as [Buffer]
  tls.destroy()
  peer.destroy()
  server.close()
  return bytes
}

let real: Buffer
beforeAll(async () => {
  real = await capture({ servername: 'allowed.test', ALPNProtocols: ['h2', 'http/1.1'] })
})

const reasonOf = (bytes: Buffer) => judgeHello(readClientHello(bytes), undefined)

describe('readClientHello()', () => {
  test('reads the hello of a real client', () => {
    expect(readClientHello(real)).toEqual({
      kind: 'hello',
      hello: { serverName: 'allowed.test', alpn: ['h2', 'http/1.1'], encrypted: false },
    })
  })

  test('asks for more at every shorter length, and never for more than there will be', () => {
    for (const bytes of [real, hello([sni('allowed.test')], 7)]) {
      for (let length = 0; length < bytes.length; length += 1) {
        const reading = readClientHello(bytes.subarray(0, length))
        expect(reading.kind).toBe('need-more')
        const atLeast = reading.kind === 'need-more' ? reading.atLeast : 0
        expect(atLeast).toBeGreaterThan(length)
        expect(atLeast).toBeLessThanOrEqual(bytes.length)
      }
      expect(readClientHello(bytes)).toMatchObject({ kind: 'hello', hello: { serverName: 'allowed.test' } })
    }
  })

  test('E06 joins records wherever they are split', () => {
    const whole = hello([sni('allowed.test')])
    for (let size = 3; size < whole.length; size += 1)
      expect(readClientHello(hello([sni('allowed.test')], size))).toEqual(readClientHello(whole))
  })

  test('notes a sealed inner hello, and a missing name', () => {
    const reading = readClientHello(hello([sni('outer.test'), ECH]))
    expect(reading).toMatchObject({ hello: { serverName: 'outer.test', encrypted: true } })
    expect(readClientHello(hello([]))).toMatchObject({ hello: { serverName: undefined } })
    expect(reasonOf(hello([]))).toMatchObject({ reason: 'no-sni' })
  })

  test.each([
    ['two names', hello([sni('allowed.test', 'evil.test')])],
    ['two server_name extensions', hello([sni('allowed.test'), sni('evil.test')])],
    ['an empty list', hello([[0, 0, ...sized(sized([]))]])],
    ['an empty name', hello([sni('')])],
    ['a NUL in the name', hello([sni('allowed.test\0.evil.test')])],
    ['a name outside ASCII', hello([sni('\xe4.test')])],
    ['a name of another type', hello([[0, 0, ...sized(sized([1, ...sized(ascii('allowed.test'))]))]])],
    ['bytes behind the list', hello([[0, 0, ...sized([...sized([0, ...sized(ascii('a.test'))]), 0])]])],
    [
      'bytes behind the message',
      Buffer.concat([hello([sni('a.test')]).map((b, i) => (i === 4 ? b + 1 : b)), Buffer.of(0)]),
    ],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['another handshake message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
    ['an alert between its records', Buffer.concat([hello([sni('a.test')], 20).subarray(0, 25), Buffer.of(21, 3, 3)])],
    ['a record for each byte', hello([sni('allowed.test')], 1)],
  ])('finds %s malformed', (_what, bytes) => {
    expect(readClientHello(bytes)).toEqual({ kind: 'malformed' })
  })

  test('is bounded', () => {
    expect(readClientHello(Buffer.from([22, 3, 1, 0xff, 0xff]))).toEqual({ kind: 'too-large' })
    expect(readClientHello(Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]))).toEqual({ kind: 'too-large' })
    const endless = Buffer.concat(Array(40).fill(Buffer.concat([Buffer.from([22, 3, 1, 2, 0]), Buffer.alloc(512, 1)])))
    expect(readClientHello(endless)).toEqual({ kind: 'too-large' })
  })

  test.each(['GET / HTTP/1.1', 'SSH-2.0-x', '\0', '\x80\x2e\x01'])('%j is no TLS', (text) => {
    expect(readClientHello(Buffer.from(text, 'latin1'))).toEqual({ kind: 'not-tls' })
  })

  test('never throws, and asks for no more than the bound, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, framed) => {
        const input = framed ? Buffer.from([22, 3, 1, ...u16(bytes.length), ...bytes]) : bytes
        const reading = readClientHello(input)
        if (reading.kind === 'need-more') {
          expect(reading.atLeast).toBeGreaterThan(input.length)
          expect(reading.atLeast).toBeLessThanOrEqual(MAX_HELLO_BYTES)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('a mutated hello is never read under a name that is not in its bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (changes) => {
          const bytes = Buffer.from(real)
          for (const [at, byte] of changes) bytes[at] = byte
          const reading = readClientHello(bytes)
          if (reading.kind === 'hello' && reading.hello.serverName !== undefined)
            expect(bytes.includes(Buffer.from(reading.hello.serverName, 'latin1'))).toBe(true)
        },
      ),
      { numRuns: 3000 },
    )
  })
})

test('judgeHello() holds the name against the CONNECT', () => {
  const reading = readClientHello(hello([sni('Allowed.Test')]))
  expect(judgeHello(reading, 'allowed.test')).toMatchObject({ name: 'allowed.test', asked: 'Allowed.Test' })
  expect(judgeHello(reading, 'x.cdn.test')).toMatchObject({ reason: 'sni-mismatch', host: 'allowed.test' })
  expect(judgeHello(readClientHello(hello([sni('127.0.0.1')])), undefined)).toMatchObject({ reason: 'ip-literal' })
  expect(judgeHello(readClientHello(hello([sni('a..b')])), undefined)).toMatchObject({ reason: 'malformed' })
})
