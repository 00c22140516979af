import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Allowed, Decision, Question } from '../../decide.ts'
import { LEDGER_CAPS, type Reason } from '../../ledger.ts'
import { parseAuthority } from '../../names.ts'
import type { NewRecord, Session } from '../session.ts'
import { acceptTls, type TlsDeps } from '../tls/accept.ts'
import { hangUp } from './hang-up.ts'
import { openTunnel } from './open-tunnel.ts'
import { judgeOwnName } from './own-names.ts'
import { peek } from './peek.ts'

/** A CONNECT whose head was read; `rest` came behind it. */
export type ConnectRequest = { socket: Duplex; session: Session; authority: string; rest: Buffer }

/** A server that speaks first leaves its client waiting this long. */
const FIRST_BYTE_MS = 15_000
const TLS_HANDSHAKE = 0x16
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** Takes a CONNECT over: decides, answers, and serves what comes inside. */
export function createConnectHandler(deps: TlsDeps): (request: ConnectRequest) => void {
  return (request) => {
    const { socket, session, authority, rest } = request
    // Only accepted TCP sockets lead here; CONNECT inside of TLS is refused earlier.
    if (!(socket instanceof Socket)) return void socket.destroy()
    if (rest.length > 0) socket.unshift(rest)
    serveConnect({ socket, session, authority }, deps).catch(() => socket.destroy())
  }
}

type Connect = { socket: Socket; session: Session; authority: string }
type Asked = Extract<Question, { kind: 'connect' }>

async function serveConnect(connect: Connect, deps: TlsDeps): Promise<void> {
  const { session, authority } = connect
  const parsed = parseAuthority(authority)
  const record: NewRecord = { layer: 'connect', asked: authority.slice(0, LEDGER_CAPS.asked), method: 'CONNECT' }
  if (!parsed.ok) {
    const [status, sentence] =
      parsed.reason === 'malformed'
        ? ([400, 'CONNECT takes a name and a port, as in example.com:443.'] as const)
        : ([403, 'Servers are reached by name only, not by address.'] as const)
    return await refuse(connect, record, { reason: parsed.reason, status, sentence })
  }
  const { name, port } = parsed
  record.host = name
  record.port = port
  const protocol = session.policy.tcpPorts.get(port) === name ? 'tcp' : 'http'
  const question: Asked = { kind: 'connect', name, port, protocol }
  const decision = decide(session, question)
  record.rule = decision.rule
  if (decision.verdict === 'deny') return await refuse(connect, record, { ...decision, status: 403 })
  if (protocol === 'tcp') return await relay(connect, { record, question, decision }, deps)
  await serveInside(connect, { record, question }, deps)
}

/** The policy, and before it the gateway's own names, which are plain HTTP on port 80. */
function decide(session: Session, question: Asked): Decision {
  const own = judgeOwnName(session, question.name)
  if (own === undefined) return session.policy.decide(question)
  if ('rule' in own && question.port === 80)
    return { verdict: 'allow', rule: own.rule, internal: false, tls: 'inspect', credential: undefined }
  const reason = 'rule' in own ? 'port' : own.reason
  return { verdict: 'deny', reason, rule: null, sentence: `${question.name} is not open to this sandbox.` }
}

type Admitted = { record: NewRecord; question: Asked }

/** A `tcp` rule: nobody looks inside, the server may speak first. */
function relay({ socket, session }: Connect, admitted: Admitted & { decision: Allowed }, deps: TlsDeps): Promise<void> {
  const { record, question, decision } = admitted
  return openTunnel(
    {
      session,
      client: socket,
      name: question.name,
      port: question.port,
      decision,
      decide: () => decide(session, question),
      record,
      answer: (failure) => {
        if (failure === undefined) socket.write(ESTABLISHED)
        else hangUp(socket, refusalText(failure))
      },
      status: 200,
    },
    deps.dialer,
  )
}

/** TLS or HTTP, by its first byte; nothing else goes through. */
async function serveInside(connect: Connect, admitted: Admitted, deps: TlsDeps): Promise<void> {
  const { socket, session, authority } = connect
  const { record, question } = admitted
  const stillAllowed = () => decide(session, question).verdict === 'allow'
  let cause: Reason | null = null
  const close = (reason: Reason) => {
    cause = reason
    socket.destroy()
  }
  const forget = session.track({ stillAllowed, close })
  try {
    socket.write(ESTABLISHED)
    const first = await peek(socket, (bytes) => ({ found: bytes[0] ?? 0 }), FIRST_BYTE_MS)
    if ('gone' in first && first.gone === 'closed') {
      await recordUnused(session, record, cause)
      return hangUp(socket)
    }
    const byte = 'found' in first ? first.found : 0
    const { name, port } = question
    if (byte === TLS_HANDSHAKE && record.rule !== 'model' && record.rule !== 'git') {
      forget()
      return await acceptTls({ socket, session, port, connect: { name, asked: authority } }, deps)
    }
    if (isMethodByte(byte) && port !== 443) {
      const origin = { scheme: 'http', name, port } as const
      const { requests } = await deps.serveHttp({ socket, session, entry: 'bound', origin })
      if (requests === 0) await recordUnused(session, record, cause)
      return
    }
    await session.deny(record, 'not-tls', 200)
    hangUp(socket)
  } finally {
    forget()
  }
}

async function recordUnused(session: Session, record: NewRecord, reason: Reason | null): Promise<void> {
  const unused = await session.allow(record).catch(() => undefined)
  unused?.end({ status: 200, reason })
}

function isMethodByte(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a
}

type ConnectRefusal = { reason: Reason; status: number; sentence: string }

async function refuse({ socket, session }: Connect, record: NewRecord, refusal: ConnectRefusal): Promise<void> {
  await session.deny(record, refusal.reason, refusal.status)
  hangUp(socket, refusalText(refusal))
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
}

function refusalText({ reason, status, sentence }: ConnectRefusal): Buffer {
  const body = Buffer.from(`${sentence}\n`)
  const head =
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Denied'}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `X-Drydock-Denied: ${reason}\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}
