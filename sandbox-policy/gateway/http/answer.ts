import { bodyDecoder, type BodyDecoder } from './codec/body.ts'
import { responseText } from './codec/build.ts'
import { responseFieldsToForward, type Framing } from './codec/fields.ts'
import { valueOf } from './codec/field.ts'
import type { RequestHead } from './codec/request.ts'
import { responseFraming, type ResponseHead } from './codec/response.ts'
import type { CredentialExchange, SecretScanner } from './credential-port.ts'
import type { Wire } from './wire.ts'
import { MessageWriter } from './writer.ts'

/** A final answer on its way to the client: its head, then its body as it comes. */
export class Answer {
  readonly writer: MessageWriter
  /** The client was told that the connection closes behind this answer. */
  readonly closeAnnounced: boolean
  readonly #head: ResponseHead
  readonly #framing: Framing
  readonly #decoder: BodyDecoder
  readonly #secrets: SecretScanner | undefined

  constructor(
    client: Wire,
    head: ResponseHead,
    options: { request: RequestHead; requestDone: boolean; credential: CredentialExchange | undefined },
  ) {
    const { request, requestDone, credential } = options
    this.#head = head
    this.#framing = responseFraming(request.method, head)
    this.#decoder = bodyDecoder(this.#framing)
    this.#secrets = this.#framing.kind === 'none' ? undefined : credential?.scanner()
    const body = this.#clientFraming(request.minor)
    this.closeAnnounced = !request.keepAlive || !requestDone || body.kind === 'close'
    this.writer = new MessageWriter(client, body.kind === 'chunked')
    const fields = responseFieldsToForward(head.fields, head.connection)
    this.writer.head(responseText({ status: head.status, fields, body, close: this.closeAnnounced }))
  }

  get status(): number {
    return this.#head.status
  }

  /** The end of the stream, here, is the end of the answer. */
  get mayEnd(): boolean {
    return this.#decoder.mayEnd
  }

  /** The upstream connection may carry another exchange. */
  get keepsUpstream(): boolean {
    return this.#head.keepAlive && this.#framing.kind !== 'close'
  }

  /** What the server says of how long it keeps a connection. */
  get keepAliveMs(): number | undefined {
    const seconds = /(?:^|[,;\s])timeout=([0-9]{1,6})/i.exec(valueOf(this.#head.fields, 'keep-alive') ?? '')?.[1]
    return seconds === undefined ? undefined : Number(seconds) * 1000
  }

  /** Takes body bytes; says how many, and how it stands. */
  push(chunk: Buffer): { taken: number; state: 'more' | 'done' | 'broken' | 'found' } {
    let found = false
    const taken = this.#decoder.push(chunk, (part) => {
      if (found) return
      const passed = this.#secrets === undefined ? part : this.#secrets.push(part)
      if (passed === 'found') found = true
      else this.writer.part(passed)
    })
    const state = found ? 'found' : this.#decoder.broken ? 'broken' : this.#decoder.done ? 'done' : 'more'
    return { taken, state }
  }

  /** Adds what stands at the end; false when the credential is in it. */
  finish(): boolean {
    const last = this.#secrets?.flush()
    if (last === 'found') return false
    if (last !== undefined) this.writer.part(last)
    this.writer.finish()
    return true
  }

  /** How the body's length is told to the client: chunks, where upstream tells it by its end, so that a cut is seen. */
  #clientFraming(minor: 0 | 1): Framing {
    const { kind } = this.#framing
    const { declared, status } = this.#head
    // Without a body, a length still says something on HEAD and 304; with 204 it may not be there.
    if (kind === 'none') return status === 204 || declared.kind !== 'length' ? this.#framing : declared
    if (kind === 'length') return this.#framing
    return minor === 1 ? { kind: 'chunked' } : { kind: 'close' }
  }
}
