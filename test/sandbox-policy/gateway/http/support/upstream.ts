import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export type Seen = { method: string; url: string; rawHeaders: string[]; host: string | undefined; body: string }

/** An upstream of node:http that records what it understood. */
export async function httpUpstream(answer?: RequestListener) {
  const seen: Seen[] = []
  const sockets = new Set<Socket>()
  const server = createHttpServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { method = '', url = '', rawHeaders, headers } = request
      seen.push({ method, url, rawHeaders, host: headers.host, body })
      if (answer) answer(request, response)
      else response.end('hello')
    })
  })
  const faults: string[] = []
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    // A connection that was cut in the middle is no fault; bytes that are not HTTP are.
    if (error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE') faults.push(error.code)
    socket.destroy()
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port, seen, faults, sockets, close, [Symbol.asyncDispose]: close }
}

/** An upstream of bare bytes: records what comes, answers as the test says. */
export async function rawUpstream(onConnection: (socket: Socket, index: number) => void) {
  const received: string[] = []
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const index = sockets.push(socket) - 1
    received[index] = ''
    socket.on('data', (chunk: Buffer) => (received[index] += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    onConnection(socket, index)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port, received, sockets, close, [Symbol.asyncDispose]: close }
}

/** Answers each request of a bare upstream with the same bytes, once its head is there. */
export const answering = (text: string) => (socket: Socket) => {
  socket.on('data', (chunk: Buffer) => {
    if (chunk.toString('latin1').includes('\r\n\r\n')) socket.write(Buffer.from(text, 'latin1'))
  })
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return 'aborted'
  }
  return Buffer.concat(chunks).toString('latin1')
}
