import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { Allowed, Question } from '../../decide.ts'
import { LEDGER_CAPS, type Reason } from '../../ledger.ts'
import { hangUp } from '../listen/hang-up.ts'
import { openTunnel } from '../listen/open-tunnel.ts'
import { judgeOwnName } from '../listen/own-names.ts'
import { peek } from '../listen/peek.ts'
import type { NewRecord, Session } from '../session.ts'
import type { Dialer } from '../upstream/dialer.ts'
import { readClientHello, type HelloReading } from './client-hello.ts'
import { answerHandshake } from './handshake.ts'
import { judgeHello, type JudgedHello } from './judge.ts'

/** A connection whose ClientHello is still to be read. */
export type TlsEntry = {
  socket: Socket
  session: Session
  port: number
  /** The CONNECT that it came through, allowed and answered; absent: transparent. */
  connect?: { name: string; asked: string }
}

/** Serves requests on a connection whose origin is settled; resolves when it is over, with how many left a record. */
export type ServeBound = (connection: {
  socket: Duplex
  session: Session
  entry: 'bound'
  origin: { scheme: 'http' | 'https'; name: string; port: number }
}) => Promise<{ requests: number }>

export type TlsDeps = {
  contextFor: (name: string, admit: () => boolean) => SecureContext | undefined
  dialer: Dialer
  serveHttp: ServeBound
}

const HELLO_MS = 10_000
/** Fatal alerts (RFC 8446, 6.2): what a client shows its user. */
const ALERT = { accessDenied: 49, unrecognizedName: 112, decodeError: 50, internalError: 80 } as const

/** Reads the ClientHello, decides on its name, and inspects or tunnels. Refusals leave one `tls` record. Never rejects. */
export async function acceptTls(entry: TlsEntry, deps: TlsDeps): Promise<void> {
  const peeked = await peek(entry.socket, probeHello, HELLO_MS)
  if ('gone' in peeked) return await endUnread(entry, peeked)
  const judged = judgeHello(peeked.found, entry.connect?.name)
  if ('reason' in judged) return await refuse(entry, judged)
  const { name, asked } = judged
  const question: Connect = { kind: 'connect', name, port: entry.port, protocol: 'http' }
  const own = judgeOwnName(entry.session, name)
  if (own !== undefined)
    return await refuse(entry, { reason: 'reason' in own ? own.reason : 'self', asked, host: name })
  const decision = entry.session.policy.decide(question)
  if (decision.verdict === 'deny') return await refuse(entry, { ...decision, asked, host: name })
  if (decision.tls === 'inspect') return await inspect(entry, { question, asked, decision }, deps)
  // The name that counts may be another one, sealed for the server; nobody looks into this tunnel.
  if (judged.hello.encrypted) return await refuse(entry, { reason: 'sni-mismatch', asked, host: name })
  await passThrough(entry, { question, asked, decision }, deps)
}

type Connect = Extract<Question, { kind: 'connect' }>
type Admitted = { question: Connect; asked: string; decision: Allowed }

const probeHello = (bytes: Buffer): { needs: number } | { found: HelloReading } => {
  const reading = readClientHello(bytes)
  return reading.kind === 'need-more' ? { needs: reading.atLeast } : { found: reading }
}

/** Serves the requests inside; leaves a record of its own only when there was none. */
async function inspect(entry: TlsEntry, admitted: Admitted, deps: TlsDeps): Promise<void> {
  const { session, socket } = entry
  const { name, port } = admitted.question
  let cause: Reason | null = null
  const context = deps.contextFor(name, () => session.admit('mint'))
  if (context === undefined) return await refuse(entry, { reason: 'rate', asked: admitted.asked, host: name })
  const forget = session.track({
    // Each request is decided on its own; under a rule that passes TLS through, inspecting it does no harm.
    stillAllowed: () => session.policy.decide(admitted.question).verdict === 'allow',
    close: (reason) => {
      cause = reason
      socket.destroy()
    },
  })
  try {
    const tls = await answerHandshake(socket, context)
    const origin = { scheme: 'https', name, port } as const
    const served = tls && (await deps.serveHttp({ socket: tls, session, entry: 'bound', origin }))
    if (served === undefined || served.requests === 0) await recordUnused(entry, admitted, cause)
  } finally {
    forget()
  }
}

function passThrough(entry: TlsEntry, admitted: Admitted, deps: TlsDeps): Promise<void> {
  const { session, socket } = entry
  const { question, asked, decision } = admitted
  return openTunnel(
    {
      session,
      client: socket,
      name: question.name,
      port: question.port,
      decision,
      decide: () => session.policy.decide(question),
      record: { ...recordOf(entry, asked), host: question.name, rule: decision.rule },
      answer: (failure) => {
        if (failure !== undefined) hangUp(socket, alert(ALERT.internalError))
      },
      status: entry.connect === undefined ? null : 200,
    },
    deps.dialer,
  )
}

/** A connection that was allowed, and on which nothing was asked. */
async function recordUnused(
  entry: TlsEntry,
  { question, asked, decision }: Admitted,
  reason: Reason | null,
): Promise<void> {
  const record = { ...recordOf(entry, asked), host: question.name, rule: decision.rule }
  const status = entry.connect === undefined ? null : 200
  await entry.session.allow(record).then(
    (open) => open.end({ status, reason }),
    () => {},
  )
}

/** The client left, or said too little for too long. */
async function endUnread(
  entry: TlsEntry,
  { gone, bytes }: { gone: 'closed' | 'timeout'; bytes: number },
): Promise<void> {
  if (gone === 'closed' && bytes === 0) return hangUp(entry.socket)
  const reason = bytes === 0 ? 'not-tls' : 'malformed'
  await refuse(entry, { reason, asked: null, host: null })
}

type TlsRefusal = Extract<JudgedHello, { reason: Reason }> & { rule?: string | null }

async function refuse(entry: TlsEntry, { reason, asked, host, rule }: TlsRefusal): Promise<void> {
  const record: NewRecord = { ...recordOf(entry, asked), layer: 'tls', host, rule: rule ?? null }
  await entry.session.deny(record, reason)
  hangUp(entry.socket, reason === 'not-tls' ? undefined : alert(alertOf(reason)))
}

function recordOf({ connect, port }: TlsEntry, asked: string | null): NewRecord {
  const spelled = (asked ?? connect?.asked ?? null)?.slice(0, LEDGER_CAPS.asked) ?? null
  return connect === undefined
    ? { layer: 'tls', asked: spelled, port }
    : { layer: 'connect', asked: spelled, port, method: 'CONNECT' }
}

function alertOf(reason: Reason): number {
  if (reason === 'no-sni' || reason === 'sni-mismatch') return ALERT.unrecognizedName
  return reason === 'malformed' ? ALERT.decodeError : ALERT.accessDenied
}

/** A record of type alert, version TLS 1.2, two bytes: fatal, and why. */
function alert(description: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description])
}
