import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createRateRecords } from '../listen/rate-records.ts'
import type { FindSession, Session } from '../session.ts'
import { answerDns } from './answer.ts'
import { MAX_QUERY_BYTES } from './message.ts'
import { createOneLookup } from './one-lookup.ts'

export type DnsDeps = {
  find: FindSession
  /** By the sandbox's address alone, which is one sandbox's: a UDP socket does not say where a packet came in. */
  findByRemote: (remote: string) => Session | undefined
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number
}

const TCP_QUERIES = 16
const TCP_DEADLINE_MS = 10_000
const PORT_TRIES = 10

/** Serves DNS over UDP and TCP on one port. Senders that are no sandbox get no answer. */
export async function openDns(deps: DnsDeps, options: { bind: string; port: number }): Promise<DnsServer> {
  const ask = createAsk()
  const { udp, tcp } = await bindBoth(options)
  udp.on('message', (packet, from) => {
    const session = deps.findByRemote(from.address)
    const bytes = session && ask(packet, session)
    // An answer that cannot be sent is a lost packet.
    if (bytes) udp.send(bytes, from.port, from.address, () => {})
  })
  tcp.on('connection', (socket: Socket) => serveTcp(socket, { deps, ask }))
  return {
    port: udp.address().port,
    async [Symbol.asyncDispose]() {
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ])
    },
  }
}

type Ask = (packet: Buffer, session: Session) => Buffer | undefined

/** Counts, answers, and records each refused name. */
function createAsk(): Ask {
  const recordRate = createRateRecords()
  const isFirst = createOneLookup()
  return (packet, session) => {
    if (!session.admit('dns')) {
      recordRate(session, 'dns')
      return undefined
    }
    const answer = answerDns(packet, session)
    if (answer?.refusal !== undefined && isFirst(session, { name: answer.refusal.asked, type: answer.type })) {
      const { reason, ...record } = answer.refusal
      void session.deny({ layer: 'dns', ...record }, reason)
    }
    return answer?.bytes
  }
}

function serveTcp(socket: Socket, { deps, ask }: { deps: DnsDeps; ask: Ask }): void {
  socket.on('error', () => {})
  const { localAddress: local = '', remoteAddress: remote = '' } = socket
  const session = deps.find({ local, remote })
  const release = session?.openConnection()
  if (session === undefined || release === undefined) return void socket.destroy()
  const forget = session.track({ stillAllowed: () => true, close: () => socket.destroy() })
  const timer = setTimeout(() => socket.destroy(), TCP_DEADLINE_MS)
  socket.once('close', () => {
    clearTimeout(timer)
    forget()
    release()
  })
  let left = TCP_QUERIES
  let buffered: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    while (buffered.length >= 2) {
      const length = buffered.readUInt16BE(0)
      if (length === 0 || length > MAX_QUERY_BYTES) return void socket.destroy()
      if (buffered.length < 2 + length) return
      const bytes = ask(buffered.subarray(2, 2 + length), session)
      buffered = buffered.subarray(2 + length)
      left -= 1
      if (bytes === undefined) return void socket.destroy()
      const framed = Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
      if (left === 0) return void socket.removeAllListeners('data').end(framed)
      socket.write(framed)
    }
  })
}

/** The same port for both; where any will do, one that both can have. */
async function bindBoth({ bind, port }: { bind: string; port: number }): Promise<{ udp: UdpSocket; tcp: Server }> {
  for (let left = port === 0 ? PORT_TRIES : 1; ; left -= 1) {
    const tcp = createServer({ noDelay: true })
    await bound(tcp, (done) => tcp.listen({ host: bind, port }, done))
    const udp = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 })
    try {
      await bound(udp, (done) => udp.bind({ address: bind, port: (tcp.address() as AddressInfo).port }, done))
      return { udp, tcp }
    } catch (error) {
      tcp.close()
      if (left <= 1) throw error
    }
  }
}

async function bound(server: Server | UdpSocket, start: (done: () => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    start(() => {
      server.off('error', reject)
      resolve()
    })
  })
  // A failed send or accept is that packet's or that connection's loss.
  server.on('error', () => {})
}
