import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { LOCAL_HEADER, MODEL_HOST, type LocalRequest, type Wire } from '../../control.ts'
import { LocalRequestSchema } from '../control/schemas.ts'
import type { InternalBody, InternalHandler, InternalRequest } from '../http/internal.ts'
import { modelList } from '../model/endpoint.ts'
import { Refusal, errorAnswer } from '../model/refusal.ts'
import type { LocalPeople } from './people.ts'

export type LocalServerDeps = { people: LocalPeople; model: InternalHandler; log: (message: string) => void }

const WIRE_OF: Readonly<Record<string, Wire>> = {
  '/v1/responses': 'responses',
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'anthropic',
  '/v1/messages/count_tokens': 'anthropic',
}
/** What a refused request still sends is thrown away for that long, so that its answer is read. */
const LINGER_MS = 2000

/**
 * The model route for people's own tools, on a socket of its own that nothing but inference passes. The api, which alone can
 * open it, says who asks; the requests are held to what those of sandboxes are held to.
 */
export function createLocalServer(deps: LocalServerDeps): Server {
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    handle(request, response, deps).catch(() => {
      // An answer that has begun is cut: whole, it would be taken for the provider's last word.
      if (response.headersSent) response.destroy()
      else refuse(response, undefined, new Refusal(502, 'upstream-unreachable', 'The gateway could not answer.'))
    })
  })
  server.headersTimeout = 10_000
  // Bodies have a deadline of their own.
  server.requestTimeout = 0
  server.on('clientError', (_, socket) => void socket.destroy())
  return server
}

async function handle(request: IncomingMessage, response: ServerResponse, deps: LocalServerDeps): Promise<void> {
  const local = localOf(request)
  const { method = '', url: target = '' } = request
  const path = target.split('?', 1)[0] ?? ''
  const wire = Object.hasOwn(WIRE_OF, path) ? WIRE_OF[path] : undefined
  if (local === undefined) {
    deps.log('a request on the model socket does not say who asks')
    return refuse(response, wire, new Refusal(400, 'malformed', 'This request does not say who asks.'))
  }
  if (method === 'GET' && path === '/v1/models') return answerModels(response, deps.people)
  if (wire === undefined) return refuse(response, wire, new Refusal(404, 'path', 'The model route has no such path.'))
  const session = deps.people.sessionOf(local.person, wire)
  if (session === undefined) return refuse(response, wire, nothing(wire, deps.people))
  if (!session.admit('request')) {
    return refuse(response, wire, new Refusal(429, 'rate', 'Too many model requests a second. Try again.'))
  }
  await deps.model(internalRequest({ request, response, local, session, method, target }))
}

function localOf({ headers }: IncomingMessage): LocalRequest | undefined {
  const text = headers[LOCAL_HEADER]
  if (typeof text !== 'string') return undefined
  try {
    return LocalRequestSchema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))).data
  } catch {
    return undefined
  }
}

type Parts = Pick<InternalRequest, 'session' | 'method' | 'target'> & {
  request: IncomingMessage
  response: ServerResponse
  local: LocalRequest
}

function internalRequest({ request, response, ...about }: Parts): InternalRequest {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the client is gone'))
  })
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  )
  return {
    ...about,
    host: MODEL_HOST,
    headers: new Map(headers),
    body: request,
    signal: gone.signal,
    async respond(status, given, body = '') {
      begin(response, status, given)
      await send(response, body, gone.signal)
    },
  }
}

/** Waits for the client before each further piece. */
async function send(response: ServerResponse, body: InternalBody, signal: AbortSignal): Promise<void> {
  if (typeof body === 'string' || body instanceof Uint8Array) {
    response.end(body)
    return
  }
  response.flushHeaders()
  for await (const part of body) {
    if (!response.write(part)) await once(response, 'drain', { signal })
    signal.throwIfAborted()
  }
  response.end()
}

function begin(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, { ...headers, connection: 'close' })
  const { req: request } = response
  if (request.complete) return
  request.resume()
  const timer = setTimeout(() => request.destroy(), LINGER_MS)
  response.once('close', () => clearTimeout(timer))
}

function answerModels(response: ServerResponse, people: LocalPeople): void {
  const models = people.models()
  if (models === undefined) return refuse(response, undefined, unavailable())
  begin(response, 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(modelList(models)))
}

function refuse(response: ServerResponse, wire: Wire | undefined, refusal: Refusal): void {
  const { headers, body } = errorAnswer(wire, refusal)
  begin(response, refusal.status, headers)
  response.end(body)
}

function nothing(wire: Wire, people: LocalPeople): Refusal {
  if (people.models() === undefined) return unavailable()
  return new Refusal(
    403,
    'off',
    `No provider of this installation is the default for "${wire}". An administrator sets one with "drydock provider".`,
  )
}

const unavailable = () => new Refusal(503, 'off', 'The model route is not ready for people’s own tools. Try again.')
