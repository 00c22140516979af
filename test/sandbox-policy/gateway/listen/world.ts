import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connect as connectTls,
  createServer as createTlsServer,
  type ConnectionOptions,
  type TLSSocket,
} from 'node:tls'
import type { SandboxConfig } from '../../../../sandbox-policy/control.ts'
import { Clock } from '../../../../sandbox-policy/gateway/http/clock.ts'
import type { HttpConnection, HttpDeps } from '../../../../sandbox-policy/gateway/http/connection.ts'
import { serveHttp } from '../../../../sandbox-policy/gateway/http/serve.ts'
import { createConnectHandler } from '../../../../sandbox-policy/gateway/listen/connect.ts'
import { openListeners } from '../../../../sandbox-policy/gateway/listen/listeners.ts'
import { createCa, createLeafKey, openIssuer } from '../../../../sandbox-policy/gateway/tls/authority.ts'
import { openLeafAuthority } from '../../../../sandbox-policy/gateway/tls/leaves.ts'
import { createDialer } from '../../../../sandbox-policy/gateway/upstream/gateway-dialer.ts'
import { UpstreamPool } from '../../../../sandbox-policy/gateway/upstream/pool.ts'
import type { Dialer } from '../../../../sandbox-policy/gateway/upstream/dialer.ts'
import { addressSet } from '../../../../sandbox-policy/addresses.ts'
import { Policy } from '../../../../sandbox-policy/policy.ts'
import { configOf, startSessions } from '../sessions/fixture.ts'

/** Any 127/8 address can be bound on Linux, so these stand for a sandbox's network. */
export const GATEWAY = '127.213.0.6'
export const SANDBOX = '127.213.0.2'

export const corporate = createCa(new Date())
const serverKey = createLeafKey()
export const serverCertificate = (name: string, now = new Date()) => ({
  key: serverKey.pem,
  cert: openIssuer(corporate)(name, serverKey, now).cert,
})

/** A gateway's listeners with real sessions, HTTP and dialer; upstream servers are on loopback. */
export async function startWorld(options: { policy?: object; config?: Partial<SandboxConfig> } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-gateway-'))
  const { sessions, records } = startSessions()
  const put = (policy: object, more: Partial<SandboxConfig> = {}) => {
    sessions.put(
      configOf({
        gatewayAddress: GATEWAY,
        sandboxAddress: SANDBOX,
        policy: { policy: Policy.parse(policy) },
        ...options.config,
        ...more,
      }),
    )
    return listeners.sync(sessions.all())
  }
  /** Where the ports of names lead in truth. */
  const routes = new Map<string, number>()
  const answers = new Map<string, string[]>()
  const dialed: string[] = []
  const minted: string[] = []
  const authority = await openLeafAuthority(folder)
  const dialer = rerouted(routes, {
    dialed,
    dialer: createDialer({
      settings: settingsOnce(),
      resolve: async (name) => answers.get(name) ?? ['127.0.0.1'],
      // Loopback stands for the internet.
      vet: (addresses) => {
        const refused = addresses.find((each) => each !== '127.0.0.1')
        return refused === undefined ? { ok: true } : { ok: false, reason: 'private-address', address: refused }
      },
      ownAddresses: () => addressSet(['10.213.0.6']),
    }),
  })
  const clock = new Clock(50)
  const tls = {
    contextFor: (name: string, admit: () => boolean) =>
      authority.contextFor(name, () => {
        if (!admit()) return false
        minted.push(name)
        return true
      }),
    dialer,
    serveHttp: (connection: HttpConnection): Promise<{ requests: number }> => serveHttp(connection, http),
  }
  const http: HttpDeps = {
    clock,
    pool: new UpstreamPool(dialer, clock),
    openCredential: () => undefined,
    internal: (request) => request.respond(200, {}, 'internal'),
    onConnect: createConnectHandler(tls),
  }
  const listeners = await openListeners(
    { ...tls, find: sessions.find },
    { bind: '0.0.0.0', ports: { proxy: 0, http: 0, https: 0 } },
  )
  await put(options.policy ?? { allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] })
  const closing: (() => void)[] = []
  return {
    sessions,
    records,
    /** One entry per record, the last state of each. */
    ledger: () => [...new Map(records.map((each) => [each.seq, each])).values()],
    put,
    routes,
    answers,
    dialed,
    minted,
    authority,
    listeners,
    ports: listeners.ports,
    /** A connection of the sandbox. */
    dial: (port: number, more: { localAddress?: string; allowHalfOpen?: boolean } = {}) =>
      connect({ host: GATEWAY, port, localAddress: SANDBOX, ...more }),
    upstream: (server: Server) =>
      new Promise<number>((resolve) => {
        const open = new Set<Socket>()
        server.on('connection', (socket: Socket) => open.add(socket.on('error', () => {})))
        closing.push(() => {
          server.close()
          for (const socket of open) socket.destroy()
        })
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
      }),
    async [Symbol.asyncDispose]() {
      await sessions.removeAll()
      await listeners[Symbol.asyncDispose]()
      for (const close of closing) close()
      rmSync(folder, { recursive: true })
    },
  }
}
export type World = Awaited<ReturnType<typeof startWorld>>

function settingsOnce() {
  const settings = { forbidden: [], hostAddresses: [], staticHosts: {}, upstreamCas: [corporate.cert] }
  return () => settings
}

function rerouted(routes: Map<string, number>, { dialer, dialed }: { dialer: Dialer; dialed: string[] }): Dialer {
  const to = <T extends { name: string; port: number }>(target: T): T => {
    dialed.push(`${target.name}:${target.port}`)
    return { ...target, port: routes.get(`${target.name}:${target.port}`) ?? 1 }
  }
  return {
    resolve: (name, options, signal) => dialer.resolve(name, options, signal),
    connectTcp: (target, signal) => dialer.connectTcp(to(target), signal),
    connectTls: (target, signal) => dialer.connectTls(to(target), signal),
  }
}

/** An HTTP server over TLS that says what it saw. */
export function tlsUpstream(name: string, options: object = {}): { server: Server; seen: string[] } {
  const seen: string[] = []
  const server = createTlsServer({ ...serverCertificate(name), ...options }, (socket) => answerHttp(socket, seen))
  server.on('tlsClientError', () => {})
  return { server, seen }
}

export function plainUpstream(): { server: Server; seen: string[] } {
  const seen: string[] = []
  return { server: createServer((socket) => answerHttp(socket, seen)), seen }
}

function answerHttp(socket: Socket, seen: string[]): void {
  socket.on('error', () => {})
  let head = ''
  socket.on('data', (chunk: Buffer) => {
    head += chunk.toString('latin1')
    if (!head.includes('\r\n\r\n')) return
    seen.push(head)
    head = ''
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
  })
}

/** Everything that comes until the other side ends or resets. */
export function readAll(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const done = () => resolve(Buffer.concat(chunks))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', done).on('end', done).on('close', done)
  })
}

/** What comes until the text is there. */
export function readUntil(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = ''
    const onData = (chunk: Buffer) => {
      all += chunk.toString('latin1')
      if (!all.includes(text)) return
      socket.off('data', onData)
      resolve(all)
    }
    socket.on('data', onData)
    socket.on('error', () => {}).on('close', () => reject(new Error(`closed after ${JSON.stringify(all)}`)))
  })
}

/** Opens a tunnel; gives the head of the answer. */
export async function openConnect(world: World, authority: string): Promise<{ socket: Socket; head: string }> {
  const socket = world.dial(world.ports.proxy)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  const head = await readUntil(socket, '\r\n\r\n')
  socket.removeAllListeners('close')
  return { socket, head }
}

/** A TLS client of the sandbox over a socket; rejects with what the handshake failed of. */
export function startTls(world: World, socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({ socket, ca: [...world.authority.trusted], ...options })
    tls.once('secureConnect', () => resolve(tls)).once('error', reject)
    tls.once('close', () => reject(new Error('closed')))
  })
}

export async function get(socket: Socket, host: string, path = '/'): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return readUntil(socket, 'hello')
}
