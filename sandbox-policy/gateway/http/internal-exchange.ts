import type { GIT_HOST, MODEL_HOST } from '../../control.ts'
import type { Reason } from '../../ledger.ts'
import type { Busy, Client } from './client.ts'
import { bodyDecoder, type BodyDecoder } from './codec/body.ts'
import { responseText } from './codec/build.ts'
import { isToken, type Framing } from './codec/fields.ts'
import { fieldMap, type Field } from './codec/field.ts'
import { hasBody, type RequestHead } from './codec/request.ts'
import type { After } from './exchange.ts'
import type { InternalBody, InternalHandler } from './internal.ts'
import { writeRefusal } from './refuse.ts'
import { MessageWriter } from './writer.ts'

/** What `respond` sets itself. */
const OURS = new Set(['connection', 'keep-alive', 'content-length', 'transfer-encoding', 'upgrade', 'trailer'])

/** A request that the gateway answers itself. */
export class InternalExchange implements Busy {
  readonly #client: Client
  readonly #head: RequestHead
  readonly #abort = new AbortController()
  #bodyRead: boolean
  #responded = false
  #finished = false
  #close = false
  #wakeBody: (() => void) | undefined
  #wakeAnswer: (() => void) | undefined

  constructor(client: Client, head: RequestHead) {
    this.#client = client
    this.#head = head
    this.#bodyRead = !hasBody(head.body)
  }

  async run(host: typeof MODEL_HOST | typeof GIT_HOST, handler: InternalHandler): Promise<After> {
    const { method, path, query, fields } = this.#head
    this.#client.busy = this
    try {
      await handler({
        session: this.#client.session,
        host,
        method,
        target: query === undefined ? path : `${path}?${query}`,
        headers: fieldMap(fields),
        body: this.#body(),
        signal: this.#abort.signal,
        respond: (status, headers, body) => this.#respond(status, headers, body),
      })
    } catch {
      // The handler records its own failures; here only the connection is left to care for.
      this.#close = true
    } finally {
      this.#client.busy = undefined
    }
    return this.#after()
  }

  cut(reason: Reason | null): void {
    this.#client.wire.destroy()
    if (!this.#abort.signal.aborted) this.#abort.abort(new Error(reason ?? 'the client is gone'))
    this.#wakeBody?.()
    this.#wakeAnswer?.()
  }

  check(now: number): void {
    // The handler has deadlines of its own towards its provider; this one is for a client that stalls.
    const { wire, limits } = this.#client
    const waitsForClient = wire.socket.writableNeedDrain || !this.#bodyRead
    if (waitsForClient && now - wire.activeAt > limits.stallMs) this.cut(null)
  }

  #after(): After {
    if (this.#abort.signal.aborted || this.#client.wire.closed) return 'over'
    if (this.#responded && !this.#finished) {
      this.#client.wire.destroy()
      return 'over'
    }
    if (!this.#responded) {
      const sentence = 'The gateway could not answer this request.'
      writeRefusal(this.#client, { status: 502, reason: 'upstream-unreachable', sentence, close: true })
      return 'close'
    }
    return this.#close ? 'close' : 'keep'
  }

  async *#body(): AsyncGenerator<Buffer, void, undefined> {
    if (this.#bodyRead) return
    const { wire } = this.#client
    const decoder = bodyDecoder(this.#head.body)
    if (this.#head.expectContinue && wire.unread === 0) wire.write('HTTP/1.1 100 Continue\r\n\r\n')
    while (!decoder.done) {
      const parts = await this.#nextParts(decoder)
      this.#throwIfGone()
      if (parts === undefined || decoder.broken) {
        this.#close = true
        throw new Error('The request body is cut short, or its chunks are malformed')
      }
      yield* parts
    }
    wire.release()
    this.#bodyRead = true
  }

  /** Body parts of one read; the wire is held behind it. Undefined: no more will come. */
  #nextParts(decoder: BodyDecoder): Promise<Buffer[] | undefined> {
    const { wire } = this.#client
    return new Promise((resolve) => {
      const done = (parts: Buffer[] | undefined) => {
        this.#wakeBody = undefined
        resolve(parts)
      }
      this.#wakeBody = () => {
        done(undefined)
      }
      if (this.#abort.signal.aborted) done(undefined)
      const bytes = (chunk: Buffer) => {
        const parts: Buffer[] = []
        const taken = decoder.push(chunk, (part) => parts.push(part))
        wire.read(undefined)
        wire.hold()
        done(parts)
        return taken
      }
      wire.read({
        bytes,
        end: () => {
          done(undefined)
        },
      })
      if (this.#wakeBody !== undefined) wire.release()
    })
  }

  async #respond(status: number, headers: Readonly<Record<string, string>>, body: InternalBody = ''): Promise<void> {
    if (this.#responded) throw new Error('Cannot respond twice to one request')
    this.#responded = true
    const { wire } = this.#client
    const whole = typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body) : undefined
    const framing = this.#framing(status, whole)
    this.#close ||= !this.#bodyRead || !this.#head.keepAlive || framing.kind === 'close'
    const writer = new MessageWriter(wire, framing.kind === 'chunked')
    writer.head(responseText({ status, fields: fieldsOf(headers), body: framing, close: this.#close }))
    if (whole === undefined) {
      writer.flush()
      for await (const part of body as AsyncIterable<Uint8Array>) {
        if (framing.kind === 'none') continue
        writer.part(Buffer.from(part.buffer, part.byteOffset, part.byteLength))
        if (!writer.flush()) await this.#drained()
        this.#throwIfGone()
      }
    } else if (this.#head.method !== 'HEAD') writer.part(whole)
    writer.finish()
    writer.flush()
    this.#throwIfGone()
    this.#finished = true
  }

  #framing(status: number, whole: Buffer | undefined): Framing {
    if (status === 204 || status === 304) return { kind: 'none' }
    if (whole !== undefined) return { kind: 'length', length: whole.length }
    if (this.#head.method === 'HEAD') return { kind: 'none' }
    return this.#head.minor === 1 ? { kind: 'chunked' } : { kind: 'close' }
  }

  #drained(): Promise<void> {
    const { wire } = this.#client
    return new Promise((resolve) => {
      const done = () => {
        wire.onDrain = undefined
        this.#wakeAnswer = undefined
        resolve()
      }
      this.#wakeAnswer = done
      wire.onDrain = done
      if (this.#abort.signal.aborted || !wire.socket.writableNeedDrain) done()
    })
  }

  #throwIfGone(): void {
    if (this.#client.wire.closed || this.#abort.signal.aborted) throw new Error('The client is gone')
  }
}

/** Throws on a header that would break the head. */
function fieldsOf(headers: Readonly<Record<string, string>>): Field[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const key = name.toLowerCase()
    if (!isToken(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new Error(`Cannot send header ${name}`)
    return OURS.has(key) ? [] : [{ key, name, value }]
  })
}
