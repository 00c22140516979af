import type { Question } from '../../decide.ts'
import { LEDGER_CAPS } from '../../ledger.ts'
import type { NewRecord } from '../session.ts'
import { isWritable, requestText } from './codec/build.ts'
import { requestFieldsToForward } from './codec/fields.ts'
import { fieldMap } from './codec/field.ts'
import { hasBody, type HeadRefusal, type RequestHead } from './codec/request.ts'
import { Client } from './client.ts'
import type { HttpConnection, HttpDeps } from './connection.ts'
import { Exchange, type After } from './exchange.ts'
import { InternalExchange } from './internal-exchange.ts'
import { HTTP_LIMITS } from './limits.ts'
import { refuse, type Refusal } from './refuse.ts'
import { routeOf, type Destination } from './route.ts'
import { websocketKeyOf } from './websocket.ts'

/**
 * Serves one client connection, one request after another, until it is closed or handed over (CONNECT). Takes the
 * socket over: sets its listeners at once, destroys it at the end. Never rejects. `requests`: how many there were, refused
 * ones among them; with none, nothing is on the ledger.
 */
export async function serveHttp(connection: HttpConnection, deps: HttpDeps): Promise<{ requests: number }> {
  const client = new Client(connection, { clock: deps.clock, limits: { ...HTTP_LIMITS, ...deps.limits } })
  const serving: Serving = { client, connection, deps, first: undefined }
  let requests = 0
  try {
    let after: After | 'handed-over' = 'keep'
    while (after === 'keep') {
      const head = await client.nextHead()
      if (head === undefined) break
      requests++
      after = await answer(serving, head)
    }
    if (after === 'handed-over') return { requests }
    if (after === 'close') await client.close()
    else client.end()
  } catch {
    // A fault of ours: nothing more may pass on this connection.
    client.cut(null)
  }
  return { requests }
}

type Serving = { client: Client; connection: HttpConnection; deps: HttpDeps; first: string | undefined }

async function answer(serving: Serving, head: RequestHead | HeadRefusal): Promise<After | 'handed-over'> {
  const { client, connection, deps } = serving
  if (!client.session.admit('request')) {
    const sentence = 'The sandbox sends too many requests; wait a second.'
    const record = 'refused' in head ? refusedRecord(head) : recordOf(head)
    return await deny(client, record, { status: 429, reason: 'rate', sentence, close: true })
  }
  if ('refused' in head) {
    const { refused: status, reason, sentence } = head
    return await deny(client, refusedRecord(head), { status, reason, sentence, close: true })
  }
  if (head.form === 'authority' && connection.entry === 'proxy') {
    const { socket, rest } = client.detach()
    deps.onConnect({ socket, session: client.session, authority: head.target, rest })
    return 'handed-over'
  }
  const { entry, origin } = connection
  const { first } = serving
  const { gatewayAddress } = client.session
  const route = routeOf(head, { entry, ...(origin && { origin }), ...(first && { first }), gatewayAddress })
  switch (route.kind) {
    case 'refused': {
      const record = { ...recordOf(head, route.to), asked: cut(route.asked, LEDGER_CAPS.asked) }
      return await deny(client, record, { ...route, close: true, method: head.method })
    }
    case 'internal':
      return await new InternalExchange(client, head).run(route.host, deps.internal)
    case 'upstream':
      serving.first ??= route.name
      return await decide(serving, head, route)
    default:
      return route satisfies never
  }
}

async function decide(serving: Serving, head: RequestHead, to: Destination): Promise<After> {
  const { client, deps } = serving
  const question: Extract<Question, { kind: 'request' }> = {
    kind: 'request',
    name: to.name,
    port: to.port,
    method: head.method,
    path: head.path,
    query: head.query ?? '',
    hasBody: hasBody(head.body),
    upgrade: head.upgrade !== undefined,
    headers: fieldMap(head.fields),
  }
  const record = { ...recordOf(head, to), asked: cut(to.asked, LEDGER_CAPS.asked) }
  const close = question.hasBody || !head.keepAlive || question.upgrade
  const decision = client.session.policy.decide(question)
  if (decision.verdict === 'deny') {
    const malformed = decision.reason === 'malformed'
    const { reason, sentence } = decision
    const refusal = { status: malformed ? 400 : 403, reason, sentence, close: close || malformed, method: head.method }
    return await deny(client, { ...record, rule: decision.rule }, refusal)
  }
  const own = ownRefusal(head, to, decision.credential)
  if (own !== undefined) {
    return await deny(client, { ...record, rule: decision.rule }, { ...own, status: 403, close, method: head.method })
  }
  const credential =
    decision.credential === undefined ? undefined : deps.openCredential(client.session, decision.credential)
  const text = outgoing(head, to, credential)
  if (text === undefined || (decision.credential !== undefined && credential === undefined)) {
    const sentence = `The credential "${decision.credential ?? ''}" that the rule names is not there, so nothing goes out.`
    return await deny(client, { ...record, rule: decision.rule }, { status: 502, reason: 'secret', sentence, close })
  }
  const websocketKey = websocketKeyOf(head)
  return await new Exchange(client, deps.pool, {
    head,
    to,
    question,
    decision,
    text,
    credential,
    websocketKey,
    record,
  }).run()
}

/** What is refused whatever the policy says. */
function ownRefusal(
  head: RequestHead,
  { scheme }: Destination,
  credential: string | undefined,
): Pick<Refusal, 'reason' | 'sentence'> | undefined {
  if (head.method === 'TRACE' || head.method === 'TRACK') {
    return { reason: 'method', sentence: `${head.method} shows headers back and is always refused.` }
  }
  // Whoever is on the way would read it, and nobody knows who answers.
  if (credential !== undefined && scheme !== 'https') {
    return {
      reason: 'not-tls',
      sentence: 'The rule for this request adds a credential, so it must be made over https.',
    }
  }
  if (head.upgrade === undefined) return undefined
  if (websocketKeyOf(head) === undefined) {
    return { reason: 'upgrade', sentence: 'Only a well-formed WebSocket handshake can change the protocol.' }
  }
  // Its frames could carry the credential in pieces that no search finds.
  return credential === undefined
    ? undefined
    : { reason: 'upgrade', sentence: 'Where a credential is added there is no WebSocket.' }
}

/** The head that goes out, from the parsed parts. Undefined: the credential cannot stand in a head. */
function outgoing(
  head: RequestHead,
  to: Destination,
  credential: ReturnType<HttpDeps['openCredential']>,
): string | undefined {
  let fields = requestFieldsToForward(head.fields, head.connection)
  if (credential !== undefined) {
    // By ranges an echo could be fetched in pieces that no search finds.
    fields = credential.request(fields.filter(({ key }) => key !== 'range' && key !== 'if-range'))
    if (!fields.every(isWritable)) return undefined
  }
  const isDefault = to.port === (to.scheme === 'https' ? 443 : 80)
  return requestText({
    method: head.method,
    target: head.query === undefined ? head.path : `${head.path}?${head.query}`,
    host: isDefault ? to.name : `${to.name}:${String(to.port)}`,
    fields,
    body: head.body,
    expectContinue: head.expectContinue,
    upgrade: head.upgrade !== undefined,
  })
}

function refusedRecord(head: HeadRefusal): NewRecord {
  return {
    layer: head.method === 'CONNECT' ? 'connect' : 'http',
    asked: head.host === undefined ? null : cut(head.host, LEDGER_CAPS.asked),
    method: head.method ?? null,
    path: head.target === undefined ? null : cut(head.target, LEDGER_CAPS.path),
  }
}

async function deny(client: Client, record: NewRecord, refusal: Refusal): Promise<After> {
  await refuse(client, record, refusal)
  return refusal.close ? 'close' : 'keep'
}

function recordOf(head: RequestHead, to?: { name: string; port: number }): NewRecord {
  const path = head.query === undefined ? head.path : `${head.path}?${head.query}`
  return {
    layer: head.form === 'authority' ? 'connect' : 'http',
    asked: head.host === undefined ? null : cut(head.host, LEDGER_CAPS.asked),
    host: to?.name ?? null,
    port: to?.port ?? null,
    method: cut(head.method, LEDGER_CAPS.method),
    path: cut(head.form === 'authority' ? head.target : path, LEDGER_CAPS.path),
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text
}
