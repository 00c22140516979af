import { createSocket } from 'node:dgram'
import { get } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { decode, encode } from 'dns-packet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LedgerRecord } from '../../../../sandbox-policy/ledger.ts'
import { startFarSide, type FarSide } from './far-side.ts'
import { compileGateway, configOf, GATEWAY, GatewayProcess, sandboxAddress, settingsOf } from './gateway-process.ts'

let built: Awaited<ReturnType<typeof compileGateway>>
let gateway: GatewayProcess
let farSide: FarSide
let caPem: string

beforeAll(async () => {
  built = await compileGateway()
  farSide = await startFarSide(['allowed.test'])
  gateway = new GatewayProcess(built.folder)
  await gateway.start()
  await gateway.control('PUT', '/settings', settingsOf(farSide))
  await gateway.control('PUT', '/sandboxes/s0', configOf(0))
  caPem = ((await gateway.control('GET', '/health')) as { caPem: string }).caPem
}, 60_000)
afterAll(async () => {
  await gateway.remove()
  await farSide[Symbol.asyncDispose]()
  built.remove()
})

const dial = (port: number) => connectTcp({ host: GATEWAY, port, localAddress: sandboxAddress(0) })

/** Everything that comes until the other side ends. */
async function exchange(socket: NodeJS.ReadWriteStream, text: string): Promise<string> {
  socket.write(text)
  let received = ''
  for await (const chunk of socket) received += String(chunk)
  return received
}

async function connectThrough(authority: string): Promise<{ socket: Socket; head: string }> {
  const socket = dial(gateway.ports.proxy)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  const head = await new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk) => resolve(String(chunk)))
    socket.once('error', reject)
  })
  return { socket, head }
}

/** The last record of a path or a name, once it is complete. */
async function recordOf(matches: (record: LedgerRecord) => boolean): Promise<LedgerRecord> {
  const lines = await gateway.ledgerUntil(({ record }) => matches(record) && record.ms !== null)
  return lines.at(-1)?.record as LedgerRecord
}

const REQUEST = 'GET /inside HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n'

test('a request inside of CONNECT and TLS is inspected and forwarded over verified TLS', async () => {
  const { socket, head } = await connectThrough('allowed.test:443')
  expect(head).toMatch(/^HTTP\/1.1 200/)
  const answer = await exchange(connectTls({ socket, servername: 'allowed.test', ca: caPem }), REQUEST)
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*far side$/)
  expect(farSide.connects).toContain('allowed.test:443')
  const record = await recordOf(({ path }) => path === '/inside')
  expect(record).toMatchObject({ layer: 'http', host: 'allowed.test', port: 443, verdict: 'allow', status: 200 })
})

test('TLS to port 443 without a proxy goes by its SNI; another name is refused and nothing is dialled', async () => {
  const options = { host: GATEWAY, port: gateway.ports.https, localAddress: sandboxAddress(0), ca: caPem }
  const answer = await exchange(connectTls({ ...options, servername: 'allowed.test' }), REQUEST)
  expect(answer).toContain('far side')
  const before = farSide.connects.length
  const refused = connectTls({ ...options, servername: 'evil.test' })
  await expect(exchange(refused, REQUEST)).rejects.toThrow(/alert/)
  expect(farSide.connects).toHaveLength(before)
  expect(await recordOf(({ host }) => host === 'evil.test')).toMatchObject({ layer: 'tls', reason: 'host' })
})

test('CONNECT to another name, and requests inside that belong elsewhere, are refused', async () => {
  const { head } = await connectThrough('evil.test:443')
  expect(head).toMatch(/^HTTP\/1.1 403 [^]*x-drydock-denied: host/i)
  const { socket } = await connectThrough('allowed.test:443')
  const tls = connectTls({ socket, servername: 'allowed.test', ca: caPem })
  expect(await exchange(tls, REQUEST.replace('Host: allowed.test', 'Host: evil.test'))).toMatch(/host-mismatch/)
})

test('DNS answers allowed names with the gateway itself, and nothing else', async () => {
  const ask = (name: string) =>
    new Promise<ReturnType<typeof decode>>((resolve) => {
      const socket = createSocket('udp4')
      socket.once('message', (packet) => resolve(decode(packet))).once('message', () => socket.close())
      socket.bind({ address: sandboxAddress(0) }, () =>
        socket.send(
          encode({ type: 'query', id: 1, flags: 256, questions: [{ type: 'A', class: 'IN', name }] }),
          gateway.ports.dns,
          GATEWAY,
        ),
      )
    })
  expect((await ask('allowed.test')).answers).toMatchObject([{ type: 'A', data: GATEWAY }])
  expect(await ask('secret.evil.test')).toMatchObject({ answers: [], rcode: 'NXDOMAIN' })
  expect(await recordOf(({ layer }) => layer === 'dns')).toMatchObject({ host: 'secret.evil.test', verdict: 'deny' })
})

test('a change of the policy closes an open connection at once, and the next one is refused', async () => {
  const { socket } = await connectThrough('allowed.test:443')
  const tls = connectTls({ socket, servername: 'allowed.test', ca: caPem })
  await new Promise((resolve) => tls.once('secureConnect', resolve))
  const closed = new Promise((resolve) => tls.once('close', resolve))
  tls.on('error', () => {})
  const config = configOf(0, { allow: [{ host: 'other.test' }] })
  await gateway.control('PUT', '/sandboxes/s0', { ...config, policyVersion: 2 })
  await closed
  expect((await connectThrough('allowed.test:443')).head).toMatch(/^HTTP\/1.1 403/)
  await gateway.control('PUT', '/sandboxes/s0', { ...configOf(0), policyVersion: 3 })
})

test('a lease that lapses closes what is open, and lets nothing pass until the runner sends the sandbox again', async () => {
  const { socket } = await connectThrough('allowed.test:443')
  const tls = connectTls({ socket, servername: 'allowed.test', ca: caPem })
  await new Promise((resolve) => tls.once('secureConnect', resolve))
  const closed = new Promise((resolve) => tls.once('close', resolve))
  tls.on('error', () => {})
  await gateway.control('POST', '/lease', { ids: ['s0'], leaseMs: 300 })
  await closed
  await expect(connectThrough('allowed.test:443')).rejects.toThrow(/ECONNRESET/)
  expect(await gateway.control('POST', '/lease', { ids: ['s0'], leaseMs: 30_000 })).toEqual({ unknown: ['s0'] })
  await gateway.control('PUT', '/sandboxes/s0', { ...configOf(0), policyVersion: 4 })
  const again = await connectThrough('allowed.test:443')
  expect(again.head).toMatch(/^HTTP\/1.1 200/)
  again.socket.destroy()
})

test('the model and git hosts are closed without a grant, and hear of it', async () => {
  for (const host of ['model.drydock.internal', 'git.drydock.internal', 'control.drydock.internal']) {
    const where = { host: GATEWAY, port: gateway.ports.http, localAddress: sandboxAddress(0), headers: { host } }
    const status = await new Promise((resolve, reject) => {
      get({ ...where, path: '/x', agent: false }, (response) => resolve(response.resume().statusCode)).on(
        'error',
        reject,
      )
    })
    expect([403, 404]).toContain(status)
    expect(await recordOf((record) => record.host === host)).toMatchObject({ verdict: 'deny' })
  }
})
