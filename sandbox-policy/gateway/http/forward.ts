import type { Reason } from '../../ledger.ts'
import type { Upstream } from '../upstream/pool.ts'
import { Answer } from './answer.ts'
import { bodyDecoder, type BodyDecoder } from './codec/body.ts'
import { responseText } from './codec/build.ts'
import { responseFieldsToForward } from './codec/fields.ts'
import { hasBody, type RequestHead } from './codec/request.ts'
import { parseResponseHead, type ResponseHead } from './codec/response.ts'
import { HeadScanner } from './codec/scan.ts'
import type { CredentialExchange } from './credential-port.ts'
import { isSwitch } from './websocket.ts'
import type { Wire } from './wire.ts'
import { MessageWriter } from './writer.ts'

/** How the forwarding of one exchange ended. */
export type ForwardEnd =
  /** Answered in full. What each connection is good for. */
  | { kind: 'answered'; keepClient: boolean; keepUpstream: boolean; keepAliveMs: number | undefined }
  /** Both sides agreed on a WebSocket; nothing of it is read yet. */
  | { kind: 'switched' }
  /** A kept connection died before it answered; the request can be repeated. */
  | { kind: 'stale' }
  /** Over before the client had any answer: it still gets one. */
  | { kind: 'failed'; status: 400 | 429 | 502; reason: Reason; sentence: string }
  /** Over in the middle of the answer: both connections are destroyed. */
  | { kind: 'cut'; reason: Reason | null }

export type ForwardJob = {
  client: Wire
  upstream: Upstream
  head: RequestHead
  /** The head that goes out. */
  text: string
  /** The key of a WebSocket handshake; undefined when none is asked for. */
  websocketKey: string | undefined
  repeatable: boolean
  credential: CredentialExchange | undefined
  /** Counts bytes; false ends it. */
  count: (bytes: number) => boolean
}

const MAX_INTERIM = 8
/** Bytes of an answer that may wait for those that are read in the same tick: one system call writes them all. */
const GATHER_BYTES = 64 * 1024
const ODD = 'The server answered with something that is not well-formed HTTP/1.1.'

/** Passes one request to an upstream connection and its answer back, as the bytes come, no faster than each side reads. */
export class Forward {
  readonly #job: ForwardJob
  readonly #up: MessageWriter
  #down: MessageWriter | undefined
  readonly #request: BodyDecoder
  #requestDone = false
  #scanner = new HeadScanner('response')
  #interim = 0
  #heard = false
  #status: number | null = null
  #answer: Answer | undefined
  #counted = 0
  #gathering: NodeJS.Immediate | undefined
  #resolve: ((end: ForwardEnd) => void) | undefined

  constructor(job: ForwardJob) {
    this.#job = job
    this.#up = new MessageWriter(job.upstream.wire, job.head.body.kind === 'chunked')
    this.#request = bodyDecoder(job.head.body)
  }

  get bytesUp(): number {
    return this.#up.bytes
  }

  get bytesDown(): number {
    return this.#down?.bytes ?? 0
  }

  get status(): number | null {
    return this.#status
  }

  run(): Promise<ForwardEnd> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      const { client, upstream, head, text, websocketKey } = this.#job
      upstream.wire.onDrain = () => {
        client.release()
      }
      client.onDrain = () => {
        upstream.wire.release()
      }
      this.#up.head(text)
      if (hasBody(head.body))
        client.read({
          bytes: (chunk) => this.#requestBytes(chunk),
          end: () => {
            this.#clientEnded()
          },
        })
      else this.#requestDone = true
      if (websocketKey !== undefined)
        client.read({
          bytes: () => this.#tooEarly(),
          end: () => {
            this.cut(null)
          },
        })
      this.#flushUp()
      if (this.#resolve !== undefined) {
        upstream.wire.read({
          bytes: (chunk) => this.#responseBytes(chunk),
          end: () => {
            this.#upstreamEnded()
          },
        })
      }
    })
  }

  /** Ends both connections at once. The first cause wins. */
  cut(reason: Reason | null): void {
    if (this.#resolve === undefined) return
    this.#settle({ kind: 'cut', reason })
    this.#job.upstream.wire.destroy()
    this.#job.client.destroy()
  }

  #settle(end: ForwardEnd): void {
    const resolve = this.#resolve
    if (resolve === undefined) return
    this.#resolve = undefined
    clearImmediate(this.#gathering)
    const { client, upstream } = this.#job
    client.onDrain = undefined
    upstream.wire.onDrain = undefined
    client.read(undefined)
    upstream.wire.read(undefined)
    client.release()
    upstream.wire.release()
    resolve(end)
  }

  /** Ends it with an answer of ours, or, where upstream's has begun, without. */
  #fail(status: 400 | 429 | 502, reason: Reason, sentence: string): void {
    if (this.#down !== undefined) {
      this.cut(reason)
      return
    }
    this.#settle({ kind: 'failed', status, reason, sentence })
    this.#job.upstream.wire.destroy()
  }

  #count(): boolean {
    // What is to be written counts already: the limit is no looser for what waits.
    const bytes = this.bytesUp + this.bytesDown + (this.#down?.collected ?? 0)
    const fresh = bytes - this.#counted
    this.#counted = bytes
    if (fresh === 0 || this.#job.count(fresh)) return true
    this.#fail(429, 'rate', 'The sandbox has used up the bytes that it may send and receive.')
    return false
  }

  #requestBytes(chunk: Buffer): number {
    const taken = this.#request.push(chunk, (part) => {
      this.#up.part(part)
    })
    if (this.#request.broken) {
      this.#fail(400, 'malformed', 'The chunks of the request body are malformed.')
      return taken
    }
    if (this.#request.done) {
      this.#up.finish()
      this.#requestDone = true
      this.#job.client.read(undefined)
    }
    this.#flushUp()
    return taken
  }

  #flushUp(): void {
    const more = this.#up.flush()
    if (this.#count() && !more && !this.#requestDone) this.#job.client.hold()
  }

  #clientEnded(): void {
    if (this.#job.client.closed) this.cut(null)
    else this.#fail(400, 'malformed', 'The request body did not come to its end.')
  }

  #tooEarly(): number {
    this.cut('malformed')
    return 0
  }

  #responseBytes(chunk: Buffer): number {
    this.#heard = true
    return this.#answer === undefined ? this.#responseHead(chunk) : this.#responseBody(this.#answer, chunk)
  }

  #responseHead(chunk: Buffer): number {
    const scan = this.#scanner.scan(chunk)
    if (scan.kind === 'more') return 0
    const head = scan.kind === 'head' ? parseResponseHead(chunk.toString('latin1', scan.start, scan.end)) : undefined
    if (scan.kind === 'fault' || head === undefined) {
      this.#fail(502, 'malformed', ODD)
      return chunk.length
    }
    if (head.status < 200) {
      this.#interimHead(head)
      return scan.end
    }
    if (!this.#beginAnswer(head) || this.#answer === undefined) return chunk.length
    return scan.end + this.#responseBody(this.#answer, chunk.subarray(scan.end))
  }

  #interimHead(head: ResponseHead): void {
    const { client, websocketKey, head: request } = this.#job
    if (head.status === 101) {
      if (websocketKey === undefined || !isSwitch(head, websocketKey)) this.#fail(502, 'malformed', ODD)
      else this.#switch(head)
    } else if (++this.#interim > MAX_INTERIM || head.declared.kind !== 'none') {
      this.#fail(502, 'malformed', ODD)
    } else {
      this.#scanner = new HeadScanner('response')
      if (head.status === 100 && request.expectContinue) client.write('HTTP/1.1 100 Continue\r\n\r\n')
    }
  }

  #switch(head: ResponseHead): void {
    this.#status = 101
    const fields = responseFieldsToForward(head.fields, head.connection)
    this.#down = new MessageWriter(this.#job.client, false)
    this.#down.head(responseText({ status: 101, fields, body: { kind: 'none' }, close: false, upgrade: true }))
    this.#down.flush()
    if (this.#count()) this.#settle({ kind: 'switched' })
  }

  /** Judges the head and begins to answer. False: it is over. */
  #beginAnswer(head: ResponseHead): boolean {
    const { client, credential, websocketKey, head: request } = this.#job
    const verdict = credential?.response(head.status, head.fields) ?? 'pass'
    if (verdict !== 'pass') {
      const what = verdict === 'found' ? 'holds the credential that was added' : 'is encoded and cannot be searched'
      this.#fail(502, 'secret', `The answer is held back: it ${what}.`)
      return false
    }
    const requestDone = this.#requestDone && websocketKey === undefined
    this.#answer = new Answer(client, head, { request, requestDone, credential })
    this.#down = this.#answer.writer
    this.#status = head.status
    return true
  }

  #responseBody(answer: Answer, chunk: Buffer): number {
    const { taken, state } = answer.push(chunk)
    if (state === 'found') this.cut('secret')
    else if (state === 'broken') this.cut('malformed')
    else if (state === 'done') this.#finish(answer)
    else if (this.#count()) {
      if (answer.writer.collected >= GATHER_BYTES) this.#flushDown(answer)
      else this.#gathering ??= setImmediate(() => this.#flushDown(answer))
    }
    return taken
  }

  #flushDown(answer: Answer): void {
    clearImmediate(this.#gathering)
    this.#gathering = undefined
    const more = answer.writer.flush()
    if (this.#count() && !more) this.#job.upstream.wire.hold()
  }

  #finish(answer: Answer): void {
    if (!answer.finish()) {
      this.cut('secret')
      return
    }
    answer.writer.flush()
    if (!this.#count()) return
    this.#settle({
      kind: 'answered',
      keepClient: !answer.closeAnnounced && this.#requestDone,
      keepUpstream: this.#requestDone && answer.keepsUpstream,
      keepAliveMs: answer.keepAliveMs,
    })
  }

  #upstreamEnded(): void {
    const { upstream, repeatable } = this.#job
    if (this.#answer !== undefined) {
      if (this.#answer.mayEnd && upstream.wire.endedCleanly) this.#finish(this.#answer)
      else this.cut('upstream-unreachable')
    } else if (upstream.reused && repeatable && !this.#heard) {
      this.#settle({ kind: 'stale' })
      upstream.wire.destroy()
    } else this.#fail(502, 'upstream-unreachable', 'The server closed the connection before it answered.')
  }
}
