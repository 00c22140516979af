import type { Duplex } from 'node:stream'
import type { UpstreamPool } from '../upstream/pool.ts'
import type { Session } from '../session.ts'
import type { Clock } from './clock.ts'
import type { OpenCredential } from './credential-port.ts'
import type { InternalHandler } from './internal.ts'
import type { HttpLimits } from './limits.ts'

/** Where all requests of a bound connection go: fixed at CONNECT, or by the name in the ClientHello. */
export type Origin = { scheme: 'http' | 'https'; name: string; port: number }

/**
 * A client connection that speaks HTTP. `proxy`: explicit proxy. `plain`: transparent port 80. `bound`: inside CONNECT or
 * TLS; `origin` is given then, and only then. `head`: bytes that were read already.
 */
export type HttpConnection = {
  socket: Duplex
  session: Session
  head?: Buffer
} & ({ entry: 'proxy' | 'plain'; origin?: never } | { entry: 'bound'; origin: Origin })

/** A CONNECT that came in on the explicit proxy. The socket has no listeners of ours any more and is paused. */
export type ConnectRequest = {
  socket: Duplex
  session: Session
  /** The target as received: visible ASCII, else unparsed. */
  authority: string
  /** Bytes behind the head. */
  rest: Buffer
}

export type HttpDeps = {
  clock: Clock
  pool: UpstreamPool
  openCredential: OpenCredential
  internal: InternalHandler
  /** Takes over; errors are its own. */
  onConnect: (request: ConnectRequest) => void
  limits?: Partial<HttpLimits>
}
