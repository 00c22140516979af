import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type AddressInfo, type Server } from 'node:net'
import { createCa, createLeafKey, openIssuer } from '../../../../sandbox-policy/gateway/tls/authority.ts'

/**
 * What is behind the gateway: a corporate proxy on loopback, which the gateway may use though loopback is no address that
 * a name may lead to, and behind it one server for every name, that keeps what it received.
 */
export type FarSide = AsyncDisposable & {
  proxy: string
  caPem: string
  /** `host path` of every request. */
  requests: string[]
  /** What was asked of the proxy. */
  connects: string[]
  /** Resolves when it has that many requests. */
  reached: (count: number) => Promise<void>
}

export async function startFarSide(names: readonly string[]): Promise<FarSide> {
  const requests: string[] = []
  const connects: string[] = []
  const waiting = new Map<number, () => void>()
  const answer: RequestListener = (request, response) => {
    waiting.get(requests.length + 1)?.()
    requests.push(`${request.headers.host ?? ''} ${request.url ?? ''}`)
    response.end('far side')
  }
  const ca = createCa(new Date())
  const issue = openIssuer(ca)
  const key = createLeafKey()
  const [name = ''] = names
  const plain = await listen(createHttpServer({ keepAlive: true }, answer))
  const secure = await listen(createHttpsServer({ key: key.pem, cert: issue(name, key, new Date()).cert }, answer))
  const proxy = createHttpServer()
  proxy.on('connect', (request, socket, head) => {
    connects.push(request.url ?? '')
    const port = request.url?.endsWith(':443') ? secure.port : plain.port
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [socket, far],
      [far, socket],
    ] as const) {
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    far.write(head)
    socket.pipe(far)
    far.pipe(socket)
  })
  const { port } = await listen(proxy)
  return {
    proxy: `http://127.0.0.1:${port}`,
    caPem: ca.cert,
    requests,
    connects,
    reached: (count) => new Promise((resolve) => waiting.set(count, resolve)),
    async [Symbol.asyncDispose]() {
      for (const server of [proxy, plain.server, secure.server]) {
        server.close()
        if ('closeAllConnections' in server) server.closeAllConnections()
      }
    },
  }
}

async function listen(server: Server): Promise<{ server: Server; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}
