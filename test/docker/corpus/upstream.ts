import { execFile } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type Server, type Socket } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { makeCertificates, type Certificates, type KeyPair } from './certificates.ts'
import { startNameServer, type NameServer } from './name-server.ts'
import { answerOf, GREETING, startRepository, type Repository } from './answers.ts'

const run = promisify(execFile)

/** One request as an upstream server saw it. */
export type Seen = {
  /** `METHOD scheme://host/path?query`. */
  what: string
  headers: Record<string, string>
  /** As sent, names included: pairs in a row. */
  raw: string[]
  body: string
  /** Names the connection. */
  peer: string
}

export type Upstream = AsyncDisposable & {
  address: string
  demanding: string
  ca: string
  /** Requests since it was last emptied. */
  seen: Seen[]
  /** Bytes that came over a raw port, or over a connection that became a WebSocket. */
  bytes: string[]
  nameServer: NameServer
  /** Where the repository `o/r` lies. */
  repository: string
}

/** Two addresses that nobody else has at the moment: other tests run beside this one. */
async function takeAddresses(): Promise<string[]> {
  const taken: string[] = []
  while (taken.length < 2) {
    const address = `203.0.113.${randomInt(1, 255)}`
    const added = run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
    const isOurs = await added.then(
      () => true,
      (error: Error) => !/File exists/.test(error.message) && Promise.reject(error),
    )
    if (isOurs) taken.push(address)
  }
  return taken
}

/**
 * Recording servers on addresses of their own on this machine, which needs root. Ports 22 and 2222 take anything, 80 is
 * HTTP, 443 is TLS; 443 of the other address wants client certificates.
 */
export async function startUpstream(names: readonly string[]): Promise<Upstream> {
  const [address = '', demanding = ''] = await takeAddresses()
  const seen: Seen[] = []
  const bytes: string[] = []
  const certificates = await makeCertificates(names)
  const repository = await startRepository()
  const nameServer = await startNameServer(address)
  const servers = await startServers({ address, demanding, certificates, seen, bytes, repository })
  return {
    ...{ address, demanding, ca: certificates.ca, seen, bytes, nameServer, repository: repository.path },
    async [Symbol.asyncDispose]() {
      for (const { server, sockets } of servers) {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      await nameServer[Symbol.asyncDispose]()
      await repository[Symbol.asyncDispose]()
      for (const each of [address, demanding]) await run('ip', ['address', 'del', `${each}/32`, 'dev', 'lo'])
    },
  }
}

type Input = {
  address: string
  demanding: string
  certificates: Certificates
  seen: Seen[]
  bytes: string[]
  repository: Repository
}

async function startServers({ address, demanding, certificates, seen, bytes, repository }: Input) {
  const { good, ca } = certificates
  const contexts = contextsOf(certificates)
  const serve = (scheme: string) => (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    const record = seenOf(request, scheme)
    seen.push(record)
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      record.body = Buffer.concat(chunks).toString('latin1')
    })
    answerOf(request, response, repository)
  }
  const onUpgrade = (scheme: string) => (request: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(seenOf(request, scheme))
    switchProtocol(request, socket, { head, bytes })
  }
  const SNICallback = (name: string, done: (error: null, context: SecureContext) => void) => done(null, contexts(name))
  const plain = createHttp(serve('http')).on('upgrade', onUpgrade('http'))
  const secure = createHttps({ ...good, SNICallback }, serve('https')).on('upgrade', onUpgrade('https'))
  const strict = createHttps({ ...good, ca, requestCert: true, rejectUnauthorized: true }, serve('https'))
  const raw = () =>
    createTcp((socket) => {
      socket.on('error', () => {}).on('data', (chunk) => bytes.push(chunk.toString('latin1')))
      socket.write(GREETING)
    })
  return Promise.all([
    listening(plain, address, 80),
    listening(secure, address, 443),
    listening(strict, demanding, 443),
    listening(raw(), address, 22),
    listening(raw(), address, 2222),
  ])
}

async function listening(server: Server, host: string, port: number) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  server.listen({ host, port })
  await once(server, 'listening')
  return { server, sockets }
}

/** Names say what is wrong with their server. */
function contextsOf(certificates: Certificates): (name: string) => SecureContext {
  const context = ({ key, cert }: KeyPair) => createSecureContext({ key, cert })
  const bad: Record<string, SecureContext> = {
    'other-name': context(certificates.otherName),
    'self-signed': context(certificates.selfSigned),
    expired: context(certificates.expired),
  }
  const good = context(certificates.good)
  return (name) => bad[name.split('.')[0] ?? ''] ?? good
}

function seenOf(request: IncomingMessage, scheme: string): Seen {
  const { method, headers, url, rawHeaders, socket } = request
  return {
    what: `${method} ${scheme}://${headers.host}${url}`,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    raw: rawHeaders,
    body: '',
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
  }
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** `/ws` becomes a WebSocket that sends back what it gets; `/ws-refused` says no and reads on. */
function switchProtocol(
  request: IncomingMessage,
  socket: Socket,
  { head, bytes }: { head: Buffer; bytes: string[] },
): void {
  const record = (chunk: Buffer) => bytes.push(chunk.toString('latin1'))
  if (head.length > 0) record(head)
  socket.on('end', () => socket.end())
  if (request.url !== '/ws') {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno')
    return void socket.on('data', record)
  }
  const key = request.headers['sec-websocket-key'] ?? ''
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  const agreed = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`
  socket.on('data', (chunk: Buffer) => {
    record(chunk)
    socket.write(chunk)
  })
  // A moment late, so that a client that does not wait for it is seen.
  setTimeout(() => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${agreed}\r\n`), 150)
}
