import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PORTS } from '../../control.ts'
import type { Layer } from '../../ledger.ts'
import type { FindSession, Session } from '../session.ts'
import { acceptTls, type ServeBound, type TlsDeps } from '../tls/accept.ts'
import { openTunnel } from './open-tunnel.ts'
import { createRateRecords } from './rate-records.ts'
import { TcpPorts } from './tcp-ports.ts'

export type ServeHttp = ServeBound &
  ((connection: { socket: Duplex; session: Session; entry: 'proxy' | 'plain' }) => Promise<{ requests: number }>)

export type ListenDeps = Omit<TlsDeps, 'serveHttp'> & { find: FindSession; serveHttp: ServeHttp }

export type ListenOptions = { bind: string; ports: { proxy: number; http: number; https: number } }

/** The TCP listeners of the gateway, DNS aside. */
export interface Listeners extends AsyncDisposable {
  readonly ports: { proxy: number; http: number; https: number }
  /**
   * Opens and closes the ports of `tcp` rules, so that they are those of the given sandboxes. Resolves when that is done;
   * rejects when a port cannot be opened. Call it after each change of a sandbox.
   */
  sync(sessions: Iterable<Session>): Promise<void>
}

const BACKLOG = 1024
const KEEP_ALIVE_MS = 60_000

/** Opens the listeners; connections of sandboxes are served from then on. */
export async function openListeners(deps: ListenDeps, { bind, ports }: ListenOptions): Promise<Listeners> {
  const admit = createAdmission(deps.find)
  const onTcp = (socket: Socket, session: Session, port: number) => relay(socket, session, { port, deps })
  const proxy = listener(admit, 'connect', (socket, session) => deps.serveHttp({ socket, session, entry: 'proxy' }))
  const http = listener(admit, 'http', (socket, session) =>
    session.policy.tcpPorts.has(PORTS.http)
      ? onTcp(socket, session, PORTS.http)
      : deps.serveHttp({ socket, session, entry: 'plain' }),
  )
  const https = listener(admit, 'tls', (socket, session) =>
    session.policy.tcpPorts.has(PORTS.https)
      ? onTcp(socket, session, PORTS.https)
      : acceptTls({ socket, session, port: PORTS.https }, deps),
  )
  const tcpPorts = new TcpPorts((port) => listener(admit, 'tcp', (socket, session) => onTcp(socket, session, port)))
  const servers = [proxy, http, https]
  await Promise.all([
    listen(proxy, bind, ports.proxy),
    listen(http, bind, ports.http),
    listen(https, bind, ports.https),
  ])
  return {
    ports: { proxy: portOf(proxy), http: portOf(http), https: portOf(https) },
    sync: (sessions) => tcpPorts.sync(sessions),
    async [Symbol.asyncDispose]() {
      await tcpPorts[Symbol.asyncDispose]()
      await Promise.all(servers.map(closed))
    },
  }
}

type Serve = (socket: Socket, session: Session) => Promise<unknown>
type Admit = (socket: Socket, layer: Layer) => Session | undefined

function listener(admit: Admit, layer: Layer, serve: Serve): Server {
  const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  return createServer(options, (socket) => {
    socket.on('error', () => {})
    const session = admit(socket, layer)
    if (session === undefined) return void socket.resetAndDestroy()
    // A fault of ours: nothing more may pass on this connection.
    serve(socket, session).catch(() => socket.destroy())
  })
}

/** Finds whose connection it is, and counts it; it lives no longer than the sandbox and its phase. */
function createAdmission(find: FindSession): Admit {
  const recordRate = createRateRecords()
  return (socket, layer) => {
    const { localAddress: local, remoteAddress: remote } = socket
    if (local === undefined || remote === undefined) return undefined
    const session = find({ local: unmapped(local), remote: unmapped(remote) })
    if (session === undefined) return undefined
    const release = session.openConnection()
    if (release === undefined) {
      recordRate(session, layer)
      return undefined
    }
    const forget = session.track({ stillAllowed: () => true, close: () => socket.destroy() })
    socket.once('close', () => {
      release()
      forget()
    })
    return session
  }
}

/** A connection to the port of a `tcp` rule, which leads to one name. */
async function relay(
  socket: Socket,
  session: Session,
  { port, deps }: { port: number; deps: Pick<ListenDeps, 'dialer'> },
): Promise<void> {
  const name = session.policy.tcpPorts.get(port)
  if (name === undefined) return void socket.destroy()
  const question = { kind: 'connect', name, port, protocol: 'tcp' } as const
  const decision = session.policy.decide(question)
  const record = { layer: 'tcp', asked: name, host: name, port, rule: decision.rule } as const
  if (decision.verdict === 'deny') {
    await session.deny(record, decision.reason)
    return void socket.destroy()
  }
  await openTunnel(
    {
      session,
      client: socket,
      name,
      port,
      decision,
      decide: () => (session.policy.tcpPorts.get(port) === name ? session.policy.decide(question) : undefined),
      record,
      answer: (failure) => {
        if (failure !== undefined) socket.destroy()
      },
      status: null,
    },
    deps.dialer,
  )
}

/** A listener on both families gives IPv4 addresses in their mapped form. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      // Out of file descriptors, say: those that are open go on.
      server.on('error', () => {})
      resolve()
    })
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** Stops listening; connections end with their sandboxes. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
