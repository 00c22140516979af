import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ModelGrant, Wire } from '../../../../../sandbox-policy/control.ts'
import type { NetworkPhase } from '../../../../../sandbox-policy/ledger.ts'
import { createModelRoute } from '../../../../../sandbox-policy/gateway/model/route.ts'
import type { DialError } from '../../../../../sandbox-policy/gateway/upstream/dialer.ts'
import { type Dialer } from '../../../../../sandbox-policy/gateway/upstream/dialer.ts'
import { FakeSession } from '../../http/support/fake-session.ts'
import { createWorld } from '../../http/support/world.ts'

export const KEY = 'sk-canary-0123456789abcdefXYZ/+='

/** A sandbox with a model, as the runner may change it. */
export type ModelSession = Omit<FakeSession, 'model' | 'phase'> & { model: ModelGrant | undefined; phase: NetworkPhase }

export type Seen = { path: string; method: string; headers: IncomingHttpHeaders; raw: string }
export type Answering = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void>

export const grantOf = (wire: Wire, changes: Partial<ModelGrant> = {}): ModelGrant => ({
  wire,
  baseUrl: wire === 'anthropic' ? 'https://provider.test' : 'https://provider.test/v1',
  key: KEY,
  internal: false,
  models: [],
  features: [],
  budgetTokens: null,
  maxOutputTokens: 32_000,
  concurrency: 8,
  idleMs: 10_000,
  totalMs: 30_000,
  ...changes,
})

/** The real route behind the gateway's real HTTP server, and a scripted provider that records what reaches it. */
export async function createModelWorld(wire: Wire, changes: Partial<ModelGrant> = {}) {
  const seen: Seen[] = []
  const dialled: { kind: 'tcp' | 'tls'; name: string; port: number }[] = []
  let answering: Answering = (_seen, response) => void response.end(JSON.stringify(usageAnswer(wire, 10, 5)))
  const provider = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', () => undefined)
    response.on('error', () => undefined)
    incoming.on('end', () => {
      const { url = '', method = '', headers } = incoming
      const one = { path: url, method, headers, raw: Buffer.concat(chunks).toString('utf8') }
      seen.push(one)
      response.setHeader('content-type', 'application/json')
      void answering(one, response, incoming)
    })
  })
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const { port: upstream } = provider.address() as AddressInfo
  let dialFault: DialError | undefined
  const open = async (kind: 'tcp' | 'tls', { name, port }: { name: string; port: number }): Promise<Socket> => {
    dialled.push({ kind, name, port })
    if (dialFault !== undefined) throw dialFault
    const socket = connect(upstream, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const dialer: Dialer = {
    resolve: async () => ['203.0.113.7'],
    connectTcp: (target) => open('tcp', target),
    connectTls: async (target) => (await open('tls', target)) as TLSSocket,
  }
  const route = createModelRoute({ dialer })
  const world = await createWorld(upstream, { internal: route.handle })
  const session = new FakeSession({}) as unknown as ModelSession
  session.model = grantOf(wire, changes)
  const port = await world.listen(session as unknown as FakeSession, { entry: 'plain' })

  return {
    seen,
    dialled,
    session,
    route,
    port,
    answer: (how: Answering) => (answering = how),
    failDial: (error: DialError) => (dialFault = error),
    ask: (target: string, body?: unknown, options: AskOptions = {}) => ask(port, { target, body, ...options }),
    usage: () => route.usage(session.id, session.model),
    async [Symbol.asyncDispose]() {
      await world.close()
      provider.closeAllConnections()
      provider.close()
    },
  }
}

export type AskOptions = {
  method?: string
  headers?: Record<string, string>
  signal?: AbortSignal
  onText?: () => void
  raw?: Buffer | string
}
export type Answer = { status: number; headers: IncomingHttpHeaders; text: string; cut: boolean }

/** As a sandbox would ask. Resolves also when the answer is cut short. */
function ask(
  port: number,
  { target, body, ...options }: AskOptions & { target: string; body: unknown },
): Promise<Answer> {
  const payload = options.raw ?? (body === undefined ? undefined : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const outgoing = request({
      port,
      host: '127.0.0.1',
      agent: false,
      method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
      path: target,
      headers: {
        host: 'model.drydock.internal',
        ...(payload !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        }),
        ...options.headers,
      },
      ...(options.signal && { signal: options.signal }),
    })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
        options.onText?.()
      })
      const done = (cut: boolean) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text, cut })
      response.on('end', () => done(false)).on('error', () => done(true))
    })
    outgoing.end(payload)
  })
}

/** An answer in one piece. */
export function usageAnswer(wire: Wire, input: number, output: number): object {
  if (wire === 'chat') return { choices: [], usage: { prompt_tokens: input, completion_tokens: output } }
  return { usage: { input_tokens: input, output_tokens: output } }
}

export const TARGET: Readonly<Record<Wire, string>> = {
  responses: '/v1/responses',
  chat: '/v1/chat/completions',
  anthropic: '/v1/messages',
}

/** A plain request of a wire. */
export function plainBody(wire: Wire, more: Record<string, unknown> = {}): Record<string, unknown> {
  const messages = [{ role: 'user', content: 'hello' }]
  if (wire === 'responses') return { model: 'm', input: 'hello', ...more }
  return wire === 'chat' ? { model: 'm', messages, ...more } : { model: 'm', max_tokens: 100, messages, ...more }
}
