import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { callsFor } from './calls.ts'
import type { Call } from './calls.ts'
import { locate, offeredTools } from './conversation.ts'
import type { Json, Wire } from './conversation.ts'
import { DEFAULT_USAGE, SCENARIOS } from './scenario.ts'
import type { Scenario, Step } from './scenario.ts'
import { chatUsage, WRITERS } from './wires.ts'

/** A request as the provider saw it: what a proof about keys or bodies looks at. */
export type ModelRequest = {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
  scenario?: string
  step?: number
}

export type MockModel = AsyncDisposable & {
  port: number
  requests: ModelRequest[]
  /** Forgets requests, and faults that were given so far. */
  reset: () => void
}

export type MockModelOptions = {
  host?: string
  port?: number
  scenarios?: readonly Scenario[]
  /** Answers 401 without this key, as `authorization: Bearer` or `x-api-key`. */
  key?: string
}

const WIRES: readonly [suffix: string, wire: Wire][] = [
  ['/responses', 'responses'],
  ['/chat/completions', 'chat'],
  ['/messages', 'anthropic'],
]

/** A scripted model that speaks the three wires under any path prefix, the same each time. */
export async function startMockModel(options: MockModelOptions = {}): Promise<MockModel> {
  const { host = '127.0.0.1', port = 0 } = options
  const model = new Model(options)
  const server = createServer((req, res) => {
    model.handle(req, res).catch((error: unknown) => res.destroy(error as Error))
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests: model.requests,
    reset: () => model.reset(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

class Model {
  readonly requests: ModelRequest[] = []
  readonly #options: MockModelOptions
  readonly #faults = new Map<string, number>()

  constructor(options: MockModelOptions) {
    this.#options = options
  }

  reset(): void {
    this.requests.length = 0
    this.#faults.clear()
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const path = (req.url ?? '/').split('?')[0] ?? '/'
    const request: ModelRequest = { method: req.method ?? '', path, headers: req.headers, body }
    this.requests.push(request)
    if (!this.#isKnown(req.headers)) return json(res, 401, errorBody('bad or missing credential', 'invalid_api_key'))
    if (req.method === 'HEAD') return json(res, 200, undefined)
    if (req.method === 'GET' && path.endsWith('/models')) return json(res, 200, MODELS)
    if (path.endsWith('/messages/count_tokens')) return json(res, 200, { input_tokens: DEFAULT_USAGE.input })
    const wire = req.method === 'POST' && WIRES.find(([suffix]) => path.endsWith(suffix))?.[1]
    if (!wire) return json(res, 404, errorBody(`no route ${req.method} ${path}`, 'not_found'))
    const parsed = parse(body)
    if (parsed === undefined) return json(res, 400, errorBody('the body is no JSON object', 'invalid_json'))
    await this.#answer({ wire, body: parsed, request }, res)
  }

  async #answer({ wire, body, request }: { wire: Wire; body: Json; request: ModelRequest }, res: ServerResponse) {
    const { scenario, step: first } = locate(this.#options.scenarios ?? SCENARIOS, { wire, body })
    const tools = offeredTools(body)
    const callsOf = (step: Step): Call[] => callsFor(step, { tools, cwd: cwdIn(request.body) })
    const at = firstWithCalls(scenario, { from: tools.size > 0 ? first : Infinity, fallback: first, callsOf })
    const step = scenario.steps[at] ?? {}
    Object.assign(request, { scenario: scenario.name, step: at })
    const key = `${scenario.name}/${at}`
    if (step.delayMs) await delay(step.delayMs)
    if (step.hold) await step.hold
    if (step.hang) return
    const { httpError, drop } = step
    if (httpError && this.#mayFail(key, httpError.times)) {
      for (const [name, value] of Object.entries(httpError.headers ?? {})) res.setHeader(name, value)
      return json(res, httpError.status, httpError.body ?? errorBody(`mock fault ${httpError.status}`, 'server_error'))
    }
    const usage = { ...DEFAULT_USAGE, ...step.usage }
    const id = `resp_${scenario.name}_${at}_${this.requests.length}`
    const text = step.say ?? scenario.name
    const whole = wire !== 'responses' && body.stream !== true
    // An agent whose stream failed may ask once more for the whole answer.
    if (whole && step.streamError) return json(res, 400, errorBody(step.streamError.message, step.streamError.code))
    if (whole) return json(res, 200, wholeAnswer({ wire, id, model: body.model, text }))
    const cut = drop !== undefined && this.#mayFail(key, drop.times)
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    const send = (event: string | null, data: unknown) => {
      const line = typeof data === 'string' ? data : JSON.stringify(data)
      res.write(`${event === null ? '' : `event: ${event}\n`}data: ${line}\n\n`)
    }
    const callId = (n: number) => `mk_${scenario.name}_${at}_${n}`
    WRITERS[wire](send, { id, model: body.model, step, calls: callsOf(step), callId, usage, cut })
    // What was written goes out before the cut.
    if (cut) setTimeout(() => res.destroy(), 20)
    else res.end()
  }

  #isKnown(headers: IncomingHttpHeaders): boolean {
    const { key } = this.#options
    return key === undefined || headers.authorization === `Bearer ${key}` || headers['x-api-key'] === key
  }

  #mayFail(key: string, times = Infinity): boolean {
    const before = this.#faults.get(key) ?? 0
    this.#faults.set(key, before + 1)
    return before < times
  }
}

const MODELS = { object: 'list', data: [{ id: 'mock-model', object: 'model', created: 0, owned_by: 'mock' }] }
const errorBody = (message: string, code: string) => ({ error: { message, type: code, code } })

function json(res: ServerResponse, status: number, value: unknown): void {
  res
    .writeHead(status, { 'content-type': 'application/json' })
    .end(value === undefined ? undefined : JSON.stringify(value))
}

function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** Agents tell the model where they work. */
function cwdIn(body: string): string {
  const said = /<cwd>(.*?)<\/cwd>|working directory: (.*)/i.exec(body.replaceAll('\\n', '\n'))
  return said?.[1] ?? said?.[2] ?? '.'
}

type Search = { from: number; fallback: number; callsOf: (step: Step) => Call[] }

/** A step of nothing but calls that this agent has no tool for would end its turn early. */
function firstWithCalls({ steps }: Scenario, { from, fallback, callsOf }: Search): number {
  const acts = (step: Step) => isFault(step) || callsOf(step).length > 0
  const found = steps.findIndex((step, i) => i >= from && acts(step))
  return from === Infinity ? fallback : found < 0 ? steps.length - 1 : found
}

const isFault = ({ httpError, streamError, drop, hang }: Step) => Boolean(httpError ?? streamError ?? drop ?? hang)

/** Side jobs such as the making of a title do not stream. */
function wholeAnswer({ wire, id, model, text }: { wire: Wire; id: string; model: unknown; text: string }) {
  const { input, output } = DEFAULT_USAGE
  if (wire === 'anthropic') {
    const usage = { input_tokens: input, output_tokens: output }
    const content = [{ type: 'text', text }]
    return {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content,
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage,
    }
  }
  const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }]
  return { id, object: 'chat.completion', created: 0, model, choices, usage: chatUsage(DEFAULT_USAGE) }
}
