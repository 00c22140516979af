import { createServer, type Server, type Socket } from 'node:net'
import type { GatewaySettings } from '../control.ts'
import type { GatewayConfig } from './config.ts'
import { Clock } from './http/clock.ts'
import type { HttpDeps } from './http/connection.ts'
import { serveHttp } from './http/serve.ts'
import type { Sessions } from './sessions.ts'
import { createDialer } from './upstream/gateway-dialer.ts'
import { UpstreamPool } from './upstream/pool.ts'

export type DataPlaneDeps = {
  config: Pick<GatewayConfig, 'bind' | 'ports'>
  sessions: Pick<Sessions, 'find'>
  settings: () => GatewaySettings
}

/** Listens towards sandboxes. Disposing it stops listening; connections end with their sessions. */
export async function startDataPlane(deps: DataPlaneDeps): Promise<AsyncDisposable> {
  const { config } = deps
  const clock = new Clock()
  const dialer = createDialer({ settings: deps.settings })
  const http: HttpDeps = {
    clock,
    pool: new UpstreamPool(dialer, clock),
    openCredential: () => undefined,
    internal: async (request) => request.respond(404, {}),
    onConnect: ({ socket }) => void socket.destroy(),
  }
  const servers = await Promise.all([
    listen({ port: config.ports.proxy, host: config.bind }, accept('proxy')),
    listen({ port: config.ports.http, host: config.bind }, accept('plain')),
  ])
  return {
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close()
    },
  }

  function accept(entry: 'proxy' | 'plain') {
    return (socket: Socket) => {
      socket.on('error', () => {})
      const session = deps.sessions.find({ local: socket.localAddress ?? '', remote: socket.remoteAddress ?? '' })
      const release = session?.openConnection()
      if (!session || !release) return void socket.destroy()
      socket.once('close', release)
      void serveHttp({ socket, session, entry }, http)
    }
  }
}

function listen(where: { port: number; host: string }, onConnection: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, onConnection)
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}
