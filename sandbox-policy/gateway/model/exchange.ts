import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { MODEL_HOST, type ModelGrant } from '../../control.ts'
import { Secret } from '../credentials/secret.ts'
import type { InternalRequest } from '../http/internal.ts'
import type { OpenRecord, Use } from '../session.ts'
import type { Dialer } from '../upstream/dialer.ts'
import { NO_SECRET, answerHead, searched, type AnswerHead } from './answer.ts'
import type { CheckedBody, Endpoint } from './body/checked-body.ts'
import type { Reservation, Tokens } from './budget.ts'
import type { Lifeline } from './lifeline.ts'
import { addressOf, dialProvider, exchangeHeads, keyHeader, targetOf } from './provider.ts'
import { Refusal } from './refusal.ts'
import { requestHeaders } from './request-headers.ts'
import { watchUsage } from './usage.ts'

export type ExchangeDeps = { dialer: Dialer; grant: ModelGrant; lifeline: Lifeline }

/** One request to a provider and its answer. Order: `send`, then `answer`; `end` in any case. */
export class Exchange {
  readonly #request: InternalRequest
  readonly #deps: ExchangeDeps
  readonly #endpoint: Endpoint
  readonly #secret: Secret | undefined
  #record: OpenRecord | undefined
  #socket: Socket | undefined
  #message: IncomingMessage | undefined
  #status: number | null = null
  #bytesUp = 0
  #bytesDown = 0
  #usage: Tokens | undefined
  #model: string | null = null

  constructor(request: InternalRequest, endpoint: Endpoint, deps: ExchangeDeps) {
    this.#request = request
    this.#endpoint = endpoint
    this.#deps = deps
    const [, value] = keyHeader(deps.grant) ?? []
    this.#secret = value === undefined ? undefined : new Secret(value)
  }

  /** Whether it is on the ledger as allowed. */
  get recorded(): boolean {
    return this.#record !== undefined
  }

  /** Opens the record, connects, sends. Resolves with the head of an answer that may pass. */
  async send(body: CheckedBody, reservation: Reservation | undefined): Promise<AnswerHead> {
    const { dialer, grant, lifeline } = this.#deps
    const { session, headers } = this.#request
    const target = targetOf(grant, this.#endpoint)
    const bytes = body.withOutput(reservation?.maxOutput ?? 0)
    this.#model = body.model
    const { internal } = grant
    const addresses = await dialer.resolve(target.name, { internal, literal: true }, lifeline.signal)
    this.#record = await session.allow({
      layer: 'http',
      asked: MODEL_HOST,
      host: target.name,
      port: target.port,
      address: addressOf(addresses),
      method: 'POST',
      path: target.path,
      rule: 'model',
      // Should this process end meanwhile, it stays at that.
      use: this.#use(reservation && { input: reservation.input, output: reservation.total - reservation.input }),
    })
    const connecting = this.#idle()
    const partition = session.id
    this.#socket = await dialProvider(target, { dialer, addresses, partition }, lifeline.signal)
    if (!session.countBytes(bytes.length)) lifeline.cut(overLimit())
    lifeline.signal.throwIfAborted()
    this.#bytesUp = bytes.length
    const sent = { target, headers: requestHeaders(headers, grant, body), body: bytes }
    this.#message = await exchangeHeads(this.#socket, sent, lifeline.signal)
    connecting()
    this.#status = this.#message.statusCode ?? null
    return answerHead(this.#message, this.#secret)
  }

  /** The answer as it may pass, chunk by chunk. Throws where it is cut short. */
  async *answer({ contentType }: AnswerHead): AsyncGenerator<Buffer> {
    const message = this.#message
    if (message === undefined) return
    const watch = watchUsage(this.#endpoint, contentType)
    const scanner = this.#secret?.scanner() ?? NO_SECRET
    for await (const chunk of this.#chunks(message)) {
      watch.push(chunk)
      const part = searched(scanner.push(chunk))
      if (part.length > 0) yield part
    }
    this.#usage = watch.end()
    const rest = searched(scanner.flush())
    if (rest.length > 0) yield rest
  }

  /** Completes the record, ends the connection, and gives tokens back that were not used. */
  end(reservation: Reservation | undefined, failure: Refusal | undefined): void {
    this.#message?.destroy()
    this.#socket?.destroy()
    const status = this.#status ?? failure?.status ?? null
    const { reason = null } = failure ?? {}
    const cost = reservation && this.#cost(reservation)
    const use = this.#use(cost)
    this.#record?.end({ status, bytesUp: this.#bytesUp, bytesDown: this.#bytesDown, reason, use })
    reservation?.settle(cost)
  }

  #use(tokens: Tokens | undefined): Use {
    const { provider = null } = this.#deps.grant
    return { provider, model: this.#model, inputTokens: tokens?.input ?? 0, outputTokens: tokens?.output ?? 0 }
  }

  /** With deadlines: none while the client is the one that is waited for. */
  async *#chunks(message: IncomingMessage): AsyncGenerator<Buffer> {
    let idle = this.#idle()
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) {
        idle()
        this.#bytesDown += chunk.length
        if (!this.#request.session.countBytes(chunk.length)) throw overLimit()
        yield chunk
        idle = this.#idle()
      }
    } finally {
      idle()
    }
  }

  #idle(): () => void {
    const { grant, lifeline } = this.#deps
    return lifeline.after(grant.idleMs, () => {
      const seconds = Math.round(grant.idleMs / 1000)
      return new Refusal(504, 'upstream-unreachable', `The model’s provider sent nothing for ${seconds} s.`)
    })
  }

  /** Undefined: nothing went out, or the provider turned it down. */
  #cost(reservation: Reservation): Tokens | undefined {
    if (this.#usage !== undefined) return this.#usage
    if (this.#bytesUp === 0 || (this.#status ?? 0) >= 400) return undefined
    // A client that hung up, an answer that was cut, a provider that does not say. It cannot have been more than what
    // was reserved.
    const guess = Math.max(reservation.input, Math.ceil((this.#bytesUp + this.#bytesDown) / 2))
    return { input: reservation.input, output: Math.min(guess, reservation.total) - reservation.input }
  }
}

function overLimit(): Refusal {
  return new Refusal(403, 'rate', 'This sandbox has passed as many bytes as it may.')
}
