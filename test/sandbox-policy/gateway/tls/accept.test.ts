import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DEFAULT_SANDBOX_LIMITS } from '../../../../sandbox-policy/control.ts'
import { createCa } from '../../../../sandbox-policy/gateway/tls/authority.ts'
import { ECH, hello, sni } from './hello.ts'
import {
  corporate,
  GATEWAY,
  get,
  openConnect,
  readAll,
  readUntil,
  serverCertificate,
  startTls,
  startWorld,
  tlsUpstream,
  type World,
} from '../listen/world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const closedOf = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'))
const transparent = (options: Parameters<typeof startTls>[2]) => startTls(world, world.dial(world.ports.https), options)

test('a transparent connection is inspected under the name of its ClientHello', async () => {
  const { server, seen } = tlsUpstream('x.cdn.test')
  world.routes.set('x.cdn.test:443', await world.upstream(server))
  const tls = await transparent({ servername: 'x.cdn.test' })
  expect(await get(tls, 'x.cdn.test')).toContain('200 OK')
  tls.destroy()
  expect(seen).toHaveLength(1)
  expect(world.ledger()).toMatchObject([{ layer: 'http', host: 'x.cdn.test', port: 443, status: 200 }])
})

test('E03 a refused name gets an alert, no certificate, one record', async () => {
  await expect(transparent({ servername: 'evil.test' })).rejects.toThrow(/access denied/)
  expect(world.minted).toEqual([])
  expect(world.ledger()).toMatchObject([
    { layer: 'tls', reason: 'host', host: 'evil.test', port: 443, verdict: 'deny' },
  ])
})

test.each([
  ['E04 no name', {}, 'no-sni'],
  ['a name of the gateway', { servername: 'model.drydock.internal' }, 'host'],
])('%s is refused', async (_what, options, reason) => {
  await expect(transparent({ ...options, rejectUnauthorized: false })).rejects.toThrow()
  expect(world.ledger()).toMatchObject([{ layer: 'tls', reason }])
})

test.each([
  ['GET / HTTP/1.1\r\n\r\n', 'not-tls'],
  ['SSH-2.0-x\r\n', 'not-tls'],
  ['\x16\x03\x01\x00\x02\x02\x00', 'malformed'],
  ['\x16\x03\x01\xff\xff', 'too-large'],
])('bytes %j on port 443 are refused', async (bytes, kind) => {
  const socket = world.dial(world.ports.https)
  socket.write(Buffer.from(bytes, 'latin1'))
  await readAll(socket)
  expect(world.ledger()).toMatchObject([{ layer: 'tls', reason: kind === 'not-tls' ? 'not-tls' : 'malformed' }])
})

test('a connection on which nothing is said leaves no record', async () => {
  const socket = world.dial(world.ports.https)
  await once(socket, 'connect')
  socket.end()
  await closedOf(socket.resume())
  expect(world.records).toEqual([])
})

test('E06 a ClientHello in one-byte packets is served', async () => {
  const { server } = tlsUpstream('allowed.test')
  world.routes.set('allowed.test:443', await world.upstream(server))
  const socket = world.dial(world.ports.https)
  socket.setNoDelay(true)
  const write = socket.write.bind(socket)
  socket.write = (chunk: Buffer, ...rest: never[]) => {
    for (const byte of chunk.subarray(0, -1)) write(Buffer.of(byte))
    return write(chunk.subarray(-1), ...rest)
  }
  const { Duplex } = await import('node:stream')
  const slow = Duplex.from({ readable: socket, writable: socket })
  const tls = await startTls(world, slow as unknown as Socket, { servername: 'allowed.test' })
  expect(await get(tls, 'allowed.test')).toContain('200 OK')
  tls.destroy()
  socket.destroy()
})

test('E12 a session of one name does not open another; under its own name it resumes', async () => {
  const resumed = async (servername: string, session?: Buffer) => {
    const tls = await transparent({ servername, ...(session && { session }), maxVersion: 'TLSv1.2' })
    return { tls, reused: tls.isSessionReused() }
  }
  const first = await resumed('allowed.test')
  const session = first.tls.getSession()
  first.tls.destroy()
  // The control: the ticket is good.
  const again = await resumed('allowed.test', session)
  expect(again.reused).toBe(true)
  again.tls.destroy()
  await expect(resumed('evil.test', session)).rejects.toThrow(/access denied/)
  const other = await resumed('x.cdn.test', session)
  expect(other.reused).toBe(false)
  expect(other.tls.getPeerCertificate().subjectaltname).toBe('DNS:x.cdn.test')
  other.tls.destroy()
})

test('a sandbox mints only as many certificates as it may; names that are there are served', async () => {
  await world.put({ allow: [{ host: '**.cdn.test' }] }, { limits: { ...DEFAULT_SANDBOX_LIMITS, mintsPerMinute: 2 } })
  for (const name of ['a', 'b', 'a']) (await transparent({ servername: `${name}.cdn.test` })).destroy()
  await expect(transparent({ servername: 'c.cdn.test' })).rejects.toThrow()
  expect(world.ledger().filter((each) => each.reason === 'rate')).toMatchObject([{ layer: 'tls', host: 'c.cdn.test' }])
  ;(await transparent({ servername: 'b.cdn.test' })).destroy()
  expect(world.minted).toEqual(['a.cdn.test', 'b.cdn.test'])
})

test('garbage behind the handshake ends the connection', async () => {
  const socket = world.dial(world.ports.https)
  const tls = await startTls(world, socket, { servername: 'allowed.test' })
  tls.on('error', () => {})
  // Past the TLS client: a record that no key of the session made.
  const raw = (tls as unknown as { _parent: Socket })._parent
  raw.write(Buffer.from([23, 3, 3, 0, 32, ...Array<number>(32).fill(7)]))
  await closedOf(raw)
})

test.each([
  ['another name', () => serverCertificate('other.test')],
  ['an expired one', () => serverCertificate('allowed.test', new Date(Date.now() - 48 * 3600_000))],
  ['one of an unknown CA', () => createCa(new Date())],
])('E10 an upstream certificate for %s is a 502, and nothing is sent', async (_what, certificate) => {
  const { server, seen } = tlsUpstream('allowed.test', certificate())
  world.routes.set('allowed.test:443', await world.upstream(server))
  const tls = await transparent({ servername: 'allowed.test' })
  tls.write('GET /secret HTTP/1.1\r\nHost: allowed.test\r\n\r\n')
  const answer = await readUntil(tls, '\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 502 /)
  expect(answer.toLowerCase()).toContain('x-drydock-denied: upstream-tls')
  tls.destroy()
  expect(seen).toEqual([])
  await expect.poll(() => world.ledger()).toMatchObject([{ layer: 'http', reason: 'upstream-tls', status: 502 }])
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'E13 an upstream that wants a client certificate (%s) is a 502',
  async (version) => {
    const { server, seen } = tlsUpstream('allowed.test', {
      requestCert: true,
      rejectUnauthorized: true,
      ca: corporate.cert,
      maxVersion: version,
      minVersion: version,
    })
    world.routes.set('allowed.test:443', await world.upstream(server))
    const tls = await transparent({ servername: 'allowed.test' })
    tls.write('GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n')
    expect(await readUntil(tls, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 502 /)
    tls.destroy()
    expect(seen).toEqual([])
    await expect.poll(() => world.ledger()).toMatchObject([{ status: 502, reason: 'upstream-tls' }])
  },
)

test('a passthrough rule gives the server itself to the client, under the name that both sides say', async () => {
  await world.put({ allow: [{ host: 'pass.test', tls: 'passthrough' }] })
  const { server, seen } = tlsUpstream('pass.test')
  world.routes.set('pass.test:443', await world.upstream(server))
  const { socket } = await openConnect(world, 'pass.test:443')
  const tls = await startTls(world, socket, { servername: 'pass.test', ca: corporate.cert })
  expect(await get(tls, 'pass.test')).toContain('200 OK')
  tls.end()
  await closedOf(socket)
  expect(seen).toHaveLength(1)
  expect(world.minted).toEqual([])
  await expect.poll(() => world.records.at(-1)?.ms).not.toBeNull()
  const [record] = world.ledger()
  expect(world.ledger()).toHaveLength(1)
  expect(record).toMatchObject({
    layer: 'connect',
    host: 'pass.test',
    address: '127.0.0.1',
    verdict: 'allow',
    status: 200,
  })
  expect(record?.bytesUp).toBeGreaterThan(300)
  expect(record?.bytesDown).toBeGreaterThan(300)

  const other = await openConnect(world, 'pass.test:443')
  await expect(startTls(world, other.socket, { servername: 'evil.test', ca: corporate.cert })).rejects.toThrow()
  expect(world.ledger().at(-1)).toMatchObject({ layer: 'tls', reason: 'sni-mismatch' })
})

test('a passthrough rule lets no hidden second name through', async () => {
  await world.put({ allow: [{ host: 'pass.test', tls: 'passthrough' }] })
  const seen: Buffer[] = []
  const server = createServer((socket) => void socket.on('data', (chunk: Buffer) => seen.push(chunk)))
  world.routes.set('pass.test:443', await world.upstream(server))
  const sealed = world.dial(world.ports.https)
  sealed.write(hello([sni('pass.test'), ECH]))
  expect((await readAll(sealed))[0]).toBe(21)
  expect(world.ledger()).toMatchObject([{ layer: 'tls', verdict: 'deny', reason: 'sni-mismatch' }])
  expect(world.dialed).toEqual([])
  // The control: the same without it goes through, byte for byte.
  const open = world.dial(world.ports.https)
  open.write(hello([sni('pass.test')]))
  await expect.poll(() => Buffer.concat(seen)).toEqual(hello([sni('pass.test')]))
  open.destroy()
})

test('no second handshake happens inside of the first', async () => {
  const child = execFile('openssl', [
    ...[
      's_client',
      '-connect',
      `${GATEWAY}:${world.ports.https}`,
      '-bind',
      '127.213.0.2',
      '-servername',
      'allowed.test',
    ],
    '-tls1_2',
  ])
  let text = ''
  child.stderr?.on('data', (chunk: string) => (text += chunk))
  child.stdout?.on('data', (chunk: string) => {
    if (chunk.includes('Verify return code')) child.stdin?.write('R\n')
  })
  await once(child, 'close')
  expect(text).toContain('RENEGOTIATING')
  expect(text).toContain('no renegotiation')
})

test('a passthrough tunnel is closed when its rule goes', async () => {
  await world.put({ allow: [{ host: 'pass.test', tls: 'passthrough' }] })
  world.routes.set('pass.test:443', await world.upstream(tlsUpstream('pass.test').server))
  const tls = await transparent({ servername: 'pass.test', ca: corporate.cert })
  await get(tls, 'pass.test')
  await world.put({ allow: [] }, { policyVersion: 2 })
  await closedOf(tls)
  await expect.poll(() => world.ledger()).toMatchObject([{ layer: 'tls', host: 'pass.test', reason: 'revoked' }])
})

test.each([
  ['is to be inspected from now on', { allow: [{ host: 'pass.test' }] }],
  ['no longer admits private addresses', { allow: [{ host: 'pass.test', tls: 'passthrough' }] }],
])('a passthrough tunnel is closed when its name %s', async (_what, policy) => {
  await world.put({ allow: [{ host: 'pass.test', tls: 'passthrough', internal: true }] })
  world.routes.set('pass.test:443', await world.upstream(tlsUpstream('pass.test').server))
  const tls = await transparent({ servername: 'pass.test', ca: corporate.cert })
  await get(tls, 'pass.test')
  // The control: a change that leaves it alone.
  await world.put({ allow: [{ host: 'pass.test', tls: 'passthrough', internal: true }, { host: 'x.test' }] })
  await get(tls, 'pass.test')
  await world.put(policy, { policyVersion: 2 })
  await closedOf(tls)
  await expect.poll(() => world.ledger()).toMatchObject([{ layer: 'tls', host: 'pass.test', reason: 'revoked' }])
})

test('an inspected connection stays when its name may be passed through', async () => {
  world.routes.set('allowed.test:443', await world.upstream(tlsUpstream('allowed.test').server))
  const tls = await transparent({ servername: 'allowed.test' })
  await get(tls, 'allowed.test')
  await world.put({ allow: [{ host: 'allowed.test', tls: 'passthrough' }] }, { policyVersion: 2 })
  expect(await get(tls, 'allowed.test')).toContain('200 OK')
  tls.destroy()
})

test('openssl verifies the certificate strictly', async () => {
  const { server } = tlsUpstream('allowed.test')
  world.routes.set('allowed.test:443', await world.upstream(server))
  const ca = join(mkdtempSync(join(tmpdir(), 'drydock-ca-')), 'ca.pem')
  writeFileSync(ca, world.authority.caPem)
  const child = execFile('openssl', [
    ...[
      's_client',
      '-connect',
      `${GATEWAY}:${world.ports.https}`,
      '-bind',
      '127.213.0.2',
      '-servername',
      'allowed.test',
    ],
    ...['-verify_return_error', '-x509_strict', '-verify_hostname', 'allowed.test', '-CAfile', ca],
  ])
  child.stdin?.end('')
  let text = ''
  child.stdout?.on('data', (chunk: string) => (text += chunk))
  await once(child, 'close')
  expect(text).toContain('Verify return code: 0 (ok)')
})
