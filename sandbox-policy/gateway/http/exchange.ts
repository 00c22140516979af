import type { Allowed, Question } from '../../decide.ts'
import type { Reason } from '../../ledger.ts'
import { LedgerFailed, type NewRecord, type OpenRecord } from '../session.ts'
import { DialError } from '../upstream/dialer.ts'
import type { Target, Upstream, UpstreamPool } from '../upstream/pool.ts'
import { hasBody, type RequestHead } from './codec/request.ts'
import type { Busy, Client } from './client.ts'
import type { CredentialExchange } from './credential-port.ts'
import { Forward, type ForwardEnd } from './forward.ts'
import { refuse, writeRefusal, type Refusal } from './refuse.ts'
import { Tunnel } from './tunnel.ts'

export type ExchangeJob = {
  head: RequestHead
  to: Target
  question: Extract<Question, { kind: 'request' }>
  decision: Allowed
  /** The head that goes out. */
  text: string
  credential: CredentialExchange | undefined
  websocketKey: string | undefined
  record: NewRecord
}

/** What becomes of the client connection. `over`: it is destroyed. */
export type After = 'keep' | 'close' | 'over'

/** Methods that may be sent twice (RFC 9110 §9.2.2), where there is no body. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** One allowed request, from the look-up of its server to the last byte of the answer. Cut at once when told so. */
export class Exchange implements Busy {
  readonly #client: Client
  readonly #pool: UpstreamPool
  readonly #job: ExchangeJob
  readonly #policyVersion: number
  readonly #repeatable: boolean
  #record: OpenRecord | undefined
  /** The session was asked for a record; it keeps one, whatever it answered. */
  #asked = false
  #upstream: Upstream | undefined
  #forward: Forward | undefined
  #tunnel: Tunnel | undefined
  #abort: AbortController | undefined
  #cut: { reason: Reason | null } | undefined

  constructor(client: Client, pool: UpstreamPool, job: ExchangeJob) {
    this.#client = client
    this.#pool = pool
    this.#job = job
    this.#policyVersion = client.session.policyVersion
    this.#repeatable = IDEMPOTENT.has(job.head.method) && !hasBody(job.head.body) && job.websocketKey === undefined
  }

  async run(): Promise<After> {
    this.#client.busy = this
    const untrack = this.#client.session.track({
      stillAllowed: () => this.#stillAllowed(),
      close: (reason) => {
        this.cut(reason)
      },
    })
    try {
      return await this.#run()
    } catch (error) {
      return await this.#failed(error)
    } finally {
      this.#client.busy = undefined
      untrack()
    }
  }

  /** Ends it at once, on both sides. The first cause wins. */
  cut(reason: Reason | null): void {
    this.#cut ??= { reason }
    this.#abort?.abort()
    this.#forward?.cut(reason)
    this.#tunnel?.cut(reason)
    this.#upstream?.wire.destroy()
    this.#client.wire.destroy()
  }

  check(now: number): void {
    const { wire, limits } = this.#client
    const activeAt = Math.max(wire.activeAt, this.#upstream?.wire.activeAt ?? 0)
    const limit =
      this.#tunnel !== undefined ? limits.tunnelIdleMs : wire.ended ? limits.stallAfterFinMs : limits.stallMs
    if (now - activeAt > limit) this.cut('upstream-unreachable')
  }

  #stillAllowed(): boolean {
    const was = this.#job.decision
    const is = this.#client.session.policy.decide(this.#job.question)
    return is.verdict === 'allow' && is.credential === was.credential && (is.internal || !was.internal)
  }

  async #run(): Promise<After> {
    const { session } = this.#client
    const { to, decision, record } = this.#job
    const addresses =
      this.#pool.known(session, to.name, decision.internal) ??
      (await this.#pool.resolve(session, { name: to.name, internal: decision.internal }, this.#signal()))
    if (this.#cut !== undefined) return await this.#over()
    const target = { ...to, addresses }
    this.#upstream = this.#pool.take(session, { ...target, repeatable: this.#repeatable })
    const address = this.#upstream?.address ?? addresses[0] ?? null
    this.#asked = true
    this.#record = await session.allow({ ...record, rule: decision.rule, address })
    for (;;) {
      if (this.#isCut()) return await this.#over()
      // Nothing was sent yet on a kept connection that ended, or spoke unasked, while the record was written.
      if (this.#upstream !== undefined && (this.#upstream.wire.ended || this.#upstream.wire.unread > 0)) {
        this.#upstream.wire.destroy()
        this.#upstream = undefined
      }
      if (this.#upstream === undefined) {
        this.#upstream = await this.#pool.dial(session, target, this.#signal())
        if (this.#isCut()) return await this.#over()
      }
      const end = await this.#pass(this.#upstream)
      if (end.kind !== 'stale') return await this.#after(end)
      this.#upstream = undefined
    }
  }

  #pass(upstream: Upstream): Promise<ForwardEnd> {
    const { head, text, websocketKey, credential } = this.#job
    const { session, wire } = this.#client
    const count = (bytes: number) => session.countBytes(bytes)
    const repeatable = this.#repeatable
    this.#forward = new Forward({ client: wire, upstream, head, text, websocketKey, repeatable, credential, count })
    return this.#forward.run()
  }

  async #after(end: Exclude<ForwardEnd, { kind: 'stale' }>): Promise<After> {
    const { session } = this.#client
    switch (end.kind) {
      case 'answered':
        this.#end(null)
        if (this.#upstream !== undefined) {
          const { keepAliveMs } = end
          if (end.keepUpstream)
            this.#pool.keep(session, this.#upstream, { policyVersion: this.#policyVersion, keepAliveMs })
          else this.#upstream.wire.destroy()
        }
        return end.keepClient ? 'keep' : 'close'
      case 'switched':
        return await this.#runTunnel()
      case 'failed':
        return this.#answerFailure(end)
      case 'cut':
        this.#end(end.reason)
        return 'over'
      default:
        return end satisfies never
    }
  }

  async #runTunnel(): Promise<After> {
    const { session, wire } = this.#client
    if (this.#upstream === undefined) return 'over'
    this.#tunnel = new Tunnel(wire, this.#upstream.wire, (bytes) => session.countBytes(bytes))
    const reason = await this.#tunnel.run()
    this.#end(reason)
    return 'over'
  }

  /** What made `run` stop before an answer: the server is not to be had, or the spool is not. */
  async #failed(error: unknown): Promise<After> {
    this.#upstream?.wire.destroy()
    if (this.#isCut()) return await this.#over()
    if (error instanceof LedgerFailed) {
      const sentence = 'The gateway cannot write its ledger, so nothing goes out.'
      return await this.#refuse({ status: 503, reason: 'ledger-failed', sentence, close: true })
    }
    if (!(error instanceof DialError)) {
      this.cut('upstream-unreachable')
      return await this.#over()
    }
    const { reason, message } = error
    if (this.#record !== undefined) return this.#answerFailure({ status: 502, reason, sentence: message })
    // An address that no rule opens is a refusal of ours, as in a tunnel; the rest is the server's fault.
    const status = reason === 'private-address' || reason === 'self' ? 403 : 502
    return await this.#refuse({ status, reason, sentence: message, close: this.#mustClose() }, error.address)
  }

  async #refuse(refusal: Refusal, address?: string): Promise<After> {
    const { record, decision, head } = this.#job
    await refuse(
      this.#client,
      { ...record, rule: decision.rule, address: address ?? null },
      { ...refusal, method: head.method },
    )
    return refusal.close ? 'close' : 'keep'
  }

  #answerFailure(failure: { status: number; reason: Reason; sentence: string }): After {
    const close = failure.status !== 502 || this.#mustClose()
    this.#end(failure.reason, failure.status)
    writeRefusal(this.#client, { ...failure, close, method: this.#job.head.method })
    return close ? 'close' : 'keep'
  }

  /** What is left of a body would be read as the next request. */
  #mustClose(): boolean {
    const { head, websocketKey } = this.#job
    return hasBody(head.body) || !head.keepAlive || websocketKey !== undefined
  }

  async #over(): Promise<After> {
    this.#upstream?.wire.destroy()
    const reason = this.#cut?.reason ?? null
    if (this.#record !== undefined) this.#end(reason)
    else if (!this.#asked) await this.#recordLookUp(reason)
    return 'over'
  }

  /** Name servers have seen the name, also where nothing else went out. */
  async #recordLookUp(reason: Reason | null): Promise<void> {
    const { session } = this.#client
    const { record, decision } = this.#job
    if (reason !== null) return await session.deny(record, reason)
    const open = await session.allow({ ...record, rule: decision.rule }).catch(() => undefined)
    open?.end({})
  }

  #end(reason: Reason | null, status = this.#forward?.status ?? null): void {
    const bytesUp = (this.#forward?.bytesUp ?? 0) + (this.#tunnel?.bytesUp ?? 0)
    const bytesDown = (this.#forward?.bytesDown ?? 0) + (this.#tunnel?.bytesDown ?? 0)
    const address = this.#upstream?.address
    this.#record?.end({ status, bytesUp, bytesDown, reason, ...(address !== undefined && { address }) })
  }

  #isCut(): boolean {
    return this.#cut !== undefined
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }
}
