import { once } from 'node:events'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { DrydockError } from '../../domain/errors.ts'
import { createCa, createLeafKey, openIssuer } from '../../sandbox-policy/gateway/tls/authority.ts'

export const ALLOWED = 'allowed.test'
export const DENIED = 'denied.test'

/** A request that arrived, by its own path. */
export type Arrival = { path: string; at: number }

/** What the outside sees: an allowed server in two ways, and one that nobody may reach. */
export type Recorder = AsyncDisposable & {
  address: string
  ports: { http: number; https: number; forbidden: number }
  ca: string
  arrivals: readonly Arrival[]
  /** What reached a server that it must not reach. */
  strays: readonly string[]
}

/** Servers on this machine's address, which a rule with `internal` opens. */
export async function startRecorder(): Promise<Recorder> {
  const address = ownAddress()
  const arrivals: Arrival[] = []
  const strays: string[] = []
  const allowed: RequestListener = (request, response) => {
    const at = Date.now()
    const host = (request.headers.host ?? '').split(':')[0]
    if (host === ALLOWED) arrivals.push({ path: request.url ?? '', at })
    else strays.push(`${request.method} ${request.headers.host}${request.url}`)
    response.end('seen')
  }
  const forbidden: RequestListener = (request, response) => {
    strays.push(`${request.method} ${request.headers.host}${request.url} from ${request.socket.remoteAddress}`)
    response.end('seen')
  }
  const ca = createCa(new Date())
  const key = createLeafKey()
  const { cert } = openIssuer(ca)(ALLOWED, key, new Date())
  const servers = [createHttp(allowed), createHttps({ key: key.pem, cert }, allowed), createHttp(forbidden)] as const
  const [http, https] = [await listen(servers[0], address), await listen(servers[1], address)]
  // On all addresses: bridges are ways to the host, too.
  const ports = { http, https, forbidden: await listen(servers[2], '0.0.0.0') }
  return {
    ...{ address, ports, ca: ca.cert, arrivals, strays },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

async function listen(server: Server, host: string): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** An address that is neither loopback's nor a bridge's. */
function ownAddress(): string {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (/^(?:lo|docker|br-|veth)/.test(name)) continue
    const found = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
    if (found !== undefined) return found.address
  }
  throw new DrydockError('config-invalid', 'Cannot start: the machine has no address but loopback')
}
