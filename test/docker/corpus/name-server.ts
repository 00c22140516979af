import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { decode, encode, type Answer, type Packet } from 'dns-packet'

/** What a name leads to: addresses of either family, or an answer that says the server has failed. */
export type NameAnswer = readonly string[] | 'servfail'

export type NameServer = AsyncDisposable & {
  /** Every name that the gateway asked for, with its type. */
  asked: string[]
  /** Changed at will, also while the gateway runs. */
  names: Map<string, NameAnswer>
}

/** The resolver of the gateway: answers what the test says, and writes down what it is asked. */
export async function startNameServer(address: string): Promise<NameServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  const names = new Map<string, NameAnswer>()
  socket.on('message', (packet, from) => {
    const query = decode(packet)
    const [question] = query.questions ?? []
    if (question === undefined) return
    asked.push(`${question.type} ${question.name}`)
    socket.send(encode(answerTo(query, names.get(question.name.toLowerCase()))), from.port, from.address)
  })
  socket.bind({ address, port: 53 })
  await once(socket, 'listening')
  return {
    asked,
    names,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

const RCODE = { ok: 0, servfail: 2, nxdomain: 3 }

function answerTo(query: Packet, found: NameAnswer | undefined): Packet {
  const [question] = query.questions ?? []
  const type = question?.type === 'AAAA' ? 'AAAA' : 'A'
  const addresses = found === 'servfail' || question?.type !== type ? [] : (found ?? [])
  const fitting = addresses.filter((address) => address.includes(':') === (type === 'AAAA'))
  const answers: Answer[] = fitting.map((data) => ({ type, name: question?.name ?? '', ttl: 0, data }))
  const rcode = found === undefined ? RCODE.nxdomain : found === 'servfail' ? RCODE.servfail : RCODE.ok
  return { type: 'response', id: query.id ?? 0, flags: 0x180 | rcode, questions: query.questions ?? [], answers }
}
