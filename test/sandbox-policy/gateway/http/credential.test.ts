import { expect, test } from 'vitest'
import type { CredentialExchange } from '../../../../sandbox-policy/gateway/http/credential-port.ts'
import { FakeSession } from './support/fake-session.ts'
import { answering, rawUpstream } from './support/upstream.ts'
import { createWorld, raw } from './support/world.ts'

const POLICY = { allow: [{ host: 'allowed.test', credential: 'npm' }], methods: 'all' as const }
const H = 'Host: allowed.test\r\n'
const SECRET = 'Bearer real-key'

/** Holds back one credential's length; finds it over the borders of chunks. */
function exchange(): CredentialExchange {
  return {
    request: (fields) => [
      ...fields.filter(({ key }) => key !== 'authorization'),
      { key: 'authorization', name: 'Authorization', value: SECRET },
    ],
    response: (_, fields) => {
      if (fields.some(({ value }) => value.includes(SECRET))) return 'found'
      return fields.some(({ key }) => key === 'content-encoding') ? 'refuse' : 'pass'
    },
    scanner: () => {
      let held = ''
      return {
        push: (chunk) => {
          const text = held + chunk.toString('latin1')
          if (text.includes(SECRET)) return 'found'
          held = text.slice(-SECRET.length + 1)
          return Buffer.from(text.slice(0, text.length - held.length), 'latin1')
        },
        flush: () => Buffer.from(held, 'latin1'),
      }
    },
  }
}

async function setUp(answer: string, open: () => CredentialExchange | undefined = exchange) {
  const upstream = await rawUpstream(answering(answer))
  const world = await createWorld(upstream.port, { openCredential: open })
  const session = new FakeSession(POLICY)
  const origin = { scheme: 'https', name: 'allowed.test', port: 443 } as const
  const port = await world.listen(session, { entry: 'bound', origin })
  const close = async () => {
    await world.close()
    await upstream.close()
  }
  return { upstream, world, session, port, [Symbol.asyncDispose]: close }
}

test("a rule's credential replaces the client's header, and ranges go (I02)", async () => {
  await using at = await setUp('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const text = await raw(
    at.port,
    `GET / HTTP/1.1\r\n${H}Authorization: Bearer mine\r\nConnection: authorization\r\nRange: bytes=0-3\r\n\r\n`,
  )
  expect(text).toMatch(/\r\n\r\nok$/)
  expect(at.upstream.received[0]).toBe(`GET / HTTP/1.1\r\n${H}Authorization: ${SECRET}\r\n\r\n`)
})

test.each([
  ['in a field', `HTTP/1.1 200 OK\r\nX-Echo: ${SECRET}\r\nContent-Length: 0\r\n\r\n`],
  ['in an encoded body', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx'],
  ['in the body', `HTTP/1.1 200 OK\r\nContent-Length: ${String(SECRET.length)}\r\n\r\n${SECRET}`],
  [
    'over two chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nBearer \r\n8\r\nreal-key\r\n0\r\n\r\n',
  ],
  ['in the reason phrase', `HTTP/1.1 200 ${SECRET}\r\nContent-Encoding: x\r\nContent-Length: 0\r\n\r\n`],
  [
    'in a trailer',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: x\r\n\r\n0\r\nX: ${SECRET}\r\n\r\n`,
  ],
])('the credential %s of an answer reaches nobody (I07)', async (_, answer) => {
  await using at = await setUp(answer)
  expect(await raw(at.port, `GET / HTTP/1.1\r\n${H}\r\n`)).not.toContain('real-key')
  expect(await at.session.recorded(1)).toMatchObject([{ verdict: 'allow', end: { reason: 'secret' } }])
})

test('reason phrase and trailers never pass, so the credential cannot ride in them', async () => {
  await using at = await setUp(
    `HTTP/1.1 200 ${SECRET}\r\nTransfer-Encoding: chunked\r\n\r\n2;x="${SECRET}"\r\nok\r\n0\r\nX: ${SECRET}\r\n\r\n`,
  )
  const text = await raw(at.port, `GET / HTTP/1.1\r\n${H}\r\n`)
  expect(text).toContain('ok')
  expect(text).not.toContain('real-key')
})

test('without its credential, or with one that breaks the head, nothing goes out', async () => {
  const broken = (): CredentialExchange => ({
    ...exchange(),
    request: () => [{ key: 'x', name: 'X', value: 'a\u010aEvil: 1' }],
  })
  for (const open of [() => undefined, broken]) {
    await using at = await setUp('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', open)
    expect(await raw(at.port, `GET / HTTP/1.1\r\n${H}\r\n`)).toMatch(/^HTTP\/1\.1 502 /)
    expect(at.session.records).toMatchObject([{ verdict: 'deny', end: { reason: 'secret' } }])
    expect(at.upstream.sockets).toHaveLength(0)
  }
})

test.each([
  'TRACE / HTTP/1.1\r\n',
  `GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`,
])('where a credential is added there is no %s', async (head) => {
  await using at = await setUp('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  expect(await raw(at.port, `${head}${H}\r\n`)).toMatch(/^HTTP\/1\.1 403 /)
  expect(at.upstream.sockets).toHaveLength(0)
})

test.each([
  ['on port 80', { entry: 'plain' }, '/'],
  ['to the proxy', { entry: 'proxy' }, 'http://allowed.test/'],
  ['to the proxy, for the port of TLS', { entry: 'proxy' }, 'http://allowed.test:443/'],
  ['inside CONNECT', { entry: 'bound', origin: { scheme: 'http', name: 'allowed.test', port: 80 } }, '/'],
] as const)('a credential is never sent without TLS: %s', async (_, entry, target) => {
  await using at = await setUp('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const host = target.includes(':443') ? 'allowed.test:443' : 'allowed.test'
  const text = await raw(await at.world.listen(at.session, entry), `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect(text).toMatch(/^HTTP\/1\.1 403 [^]*X-Drydock-Denied: not-tls/)
  expect(at.upstream.sockets).toHaveLength(0)
  expect(at.session.records).toMatchObject([{ verdict: 'deny', end: { reason: 'not-tls', status: 403 } }])
})
