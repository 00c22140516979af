import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Clock } from '../../../../../sandbox-policy/gateway/http/clock.ts'
import type { ConnectRequest, HttpConnection, HttpDeps } from '../../../../../sandbox-policy/gateway/http/connection.ts'
import type { InternalHandler } from '../../../../../sandbox-policy/gateway/http/internal.ts'
import { serveHttp } from '../../../../../sandbox-policy/gateway/http/serve.ts'
import { DialError, type Dialer, type DialTarget } from '../../../../../sandbox-policy/gateway/upstream/dialer.ts'
import { UpstreamPool, type PoolLimits } from '../../../../../sandbox-policy/gateway/upstream/pool.ts'
import type { FakeSession } from './fake-session.ts'

export type Entry =
  { entry: 'proxy' } | { entry: 'plain' } | Pick<HttpConnection & { entry: 'bound' }, 'entry' | 'origin'>

export type WorldOptions = Partial<Pick<HttpDeps, 'openCredential' | 'limits'>> & {
  internal?: InternalHandler
  pool?: Partial<PoolLimits>
  resolve?: Dialer['resolve']
  tickMs?: number
  beforeDial?: () => Promise<void>
  /** Addresses that nobody answers at. */
  dead?: readonly string[]
}

/** Listens as the gateway does, and leads every name to one upstream port of this machine. */
export async function createWorld(upstreamPort: number, options: WorldOptions = {}) {
  const clock = new Clock(options.tickMs ?? 20)
  const dials: DialTarget[] = []
  const connectTcp = async (target: DialTarget) => {
    dials.push(target)
    await options.beforeDial?.()
    if (options.dead?.includes(target.address) === true)
      throw new DialError('upstream-unreachable', `${target.name} cannot be reached.`, target.address)
    const socket = connect(upstreamPort, '127.0.0.1')
    try {
      await once(socket, 'connect')
    } catch {
      throw new DialError('upstream-unreachable', `${target.name} cannot be reached.`, target.address)
    }
    return socket
  }
  const dialer: Dialer = {
    resolve: options.resolve ?? (async () => ['203.0.113.7']),
    connectTcp,
    // What TLS is and is not is shown elsewhere; here its bytes are as plain as the test reads them.
    connectTls: async (target) => (await connectTcp(target)) as TLSSocket,
  }
  const pool = new UpstreamPool(dialer, clock, options.pool)
  const connects: ConnectRequest[] = []
  const deps: HttpDeps = {
    clock,
    pool,
    openCredential: options.openCredential ?? (() => undefined),
    internal: options.internal ?? (async (request) => await request.respond(200, {}, 'internal')),
    onConnect: (request) => connects.push(request),
    ...(options.limits && { limits: options.limits }),
  }
  const servers: Server[] = []
  const served = new Set<Socket>()

  /** A port on which the gateway serves a session. */
  const listen = async (session: FakeSession, entry: Entry = { entry: 'proxy' }): Promise<number> => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      served.add(socket)
      void serveHttp({ socket, session, ...entry }, deps)
    })
    server.listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const close = async () => {
    for (const socket of served) socket.destroy()
    for (const server of servers) server.close()
  }
  return { listen, close, dials, pool, deps, connects, clock, [Symbol.asyncDispose]: close }
}

/** Sends raw bytes and reads until the other side closes. */
export async function raw(port: number, text: string | Buffer, options: { fin?: boolean } = {}): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  if (options.fin === false) socket.write(bytes)
  else socket.end(bytes)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

/** A connection on which a test speaks step by step. */
export class Talk {
  readonly socket: Socket
  #text = ''
  #closed = false
  #wake: (() => void) | undefined

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  /** Everything that came, once it holds the text, or the connection is closed. Later calls look behind it. */
  async until(text: string): Promise<string> {
    while (!this.#text.includes(text) && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const at = this.#text.indexOf(text)
    const end = at < 0 ? this.#text.length : at + text.length
    const before = this.#text.slice(0, end)
    this.#text = this.#text.slice(end)
    return before
  }

  async closed(): Promise<string> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#text
  }
}
