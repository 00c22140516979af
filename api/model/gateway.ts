import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { DrydockError } from '../../domain/errors.ts'
import { LOCAL_HEADER } from '../../sandbox-policy/control.ts'
import type { LocalRequest } from '../../sandbox-policy/control.ts'

/** All of a person's headers that go on to the gateway, which lets even less go on to the provider. */
const PASSED_ON = ['content-type', 'content-encoding', 'content-length', 'anthropic-version', 'anthropic-beta'] as const
/** All of an answer's headers that come back. */
const PASSED_BACK =
  /^(?:content-type|retry-after|retry-after-ms|x-should-retry|x-drydock-denied|request-id|x-request-id|openai-processing-ms|x-ratelimit-[a-z-]+|anthropic-ratelimit-[a-z-]+)$/

/** A path of the gateway's own; nothing of what the person wrote is in it. */
export type GatewayPath =
  | '/v1/models'
  | '/v1/responses'
  | '/v1/chat/completions'
  | '/v1/messages'
  | '/v1/messages?beta=true'
  | '/v1/messages/count_tokens'
  | '/v1/messages/count_tokens?beta=true'

export type ModelCall = {
  method: 'GET' | 'POST'
  path: GatewayPath
  asked: LocalRequest
  headers: Headers
  body: ReadableStream<Uint8Array> | null
}
export type ModelAnswer = { status: number; headers: Record<string, string>; body: IncomingMessage }

/** The way to this machine's gateway. Rejects with `gateway-unavailable`, or as the signal says, which cuts the call too. */
export type CallGateway = (call: ModelCall, signal: AbortSignal) => Promise<ModelAnswer>

/** A path by which the socket can be reached, for as long as it is not disposed. */
export type OpenModelSocket = () => Promise<AsyncDisposable & { path: string }>

/** `openSocket`: undefined where this process shares no data folder with a runner. */
export function gatewayCaller(openSocket: OpenModelSocket | undefined): CallGateway {
  return async ({ method, path, asked, headers: given, body }, signal) => {
    if (openSocket === undefined) throw elsewhere()
    await using socket = await openSocket().catch((error: unknown) => Promise.reject(unavailable(error)))
    const headers = { ...askerOf(asked), ...(method === 'POST' && passedOn(given)) }
    const outgoing = request({ socketPath: socket.path, method, path, headers, agent: false, signal })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      // A refusal may come before all of the body was taken; what happens to the rest of it is of no interest then.
      outgoing.on('error', reject)
      outgoing.once('response', resolve)
    })
    const source = body === null ? undefined : Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
    source?.on('error', (error) => outgoing.destroy(error))
    outgoing.once('close', () => source?.destroy())
    if (source === undefined) outgoing.end()
    else source.pipe(outgoing)
    try {
      const message = await answered
      message.on('error', () => undefined)
      return { status: message.statusCode ?? 502, headers: backOf(message), body: message }
    } catch (error) {
      source?.destroy()
      signal.throwIfAborted()
      throw unavailable(error)
    }
  }
}

const askerOf = (asked: LocalRequest) => ({
  host: 'gateway',
  [LOCAL_HEADER]: Buffer.from(JSON.stringify(asked)).toString('base64url'),
})

function passedOn(given: Headers): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = given.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}

function backOf({ headers }: IncomingMessage): Record<string, string> {
  const back: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && PASSED_BACK.test(name)) back[name] = value
  }
  return back
}

function elsewhere(): DrydockError {
  return new DrydockError(
    'gateway-unavailable',
    'Cannot reach a model: this api runs without a gateway. Ask the server that runs with "--role all", or start the api on the machine of a runner with the same --data folder',
  )
}

const GONE = ['ENOENT', 'ECONNREFUSED', 'EACCES']

function unavailable(error: unknown): DrydockError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const state = GONE.includes(code)
    ? 'no gateway answers on this machine. It runs while a runner does that shares the data folder, once a provider is set with "drydock provider add"; just after a start it takes a moment'
    : 'the gateway was lost. Try again'
  return new DrydockError('gateway-unavailable', `Cannot reach a model: ${state}`, { cause: error })
}
