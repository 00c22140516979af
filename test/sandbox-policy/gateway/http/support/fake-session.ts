import { setMaxListeners } from 'node:events'
import { compilePolicy } from '../../../../../sandbox-policy/compile.ts'
import type { Credential } from '../../../../../sandbox-policy/control.ts'
import type { CompiledPolicy } from '../../../../../sandbox-policy/decide.ts'
import type { Reason } from '../../../../../sandbox-policy/ledger.ts'
import { Policy } from '../../../../../sandbox-policy/policy.ts'
import {
  LedgerFailed,
  type Guard,
  type NewRecord,
  type OpenRecord,
  type RecordEnd,
  type Session,
} from '../../../../../sandbox-policy/gateway/session.ts'

export type Recorded = NewRecord & { seq: number; verdict: 'allow' | 'deny'; end: RecordEnd | undefined }

/** A session with a real policy that keeps its records in memory. */
export class FakeSession implements Session {
  readonly id: string
  readonly gatewayAddress = '10.213.0.6'
  readonly sandboxAddress = '10.213.0.2'
  policy: CompiledPolicy
  policyVersion = 1
  readonly phase = 'agent'
  credentials: ReadonlyMap<string, Credential> = new Map()
  readonly model = undefined
  readonly repositories: ReadonlySet<string> = new Set()
  readonly records: Recorded[] = []
  readonly guards = new Set<Guard>()
  requestsLeft = Infinity
  bytesLeft = Infinity
  ledgerBroken = false
  /** Awaited before an allowed record stands. */
  beforeAllow: (() => Promise<void>) | undefined
  readonly #end = new AbortController()
  readonly #waiting = new Set<() => void>()

  constructor(policy: Parameters<typeof Policy.parse>[0], id = 'sandbox-1') {
    this.id = id
    setMaxListeners(0, this.#end.signal)
    this.policy = compilePolicy({ policy: Policy.parse(policy) })
  }

  get ended(): AbortSignal {
    return this.#end.signal
  }

  admit(): boolean {
    return --this.requestsLeft >= 0
  }

  openConnection(): () => void {
    return () => undefined
  }

  countBytes(bytes: number): boolean {
    this.bytesLeft -= bytes
    return this.bytesLeft >= 0
  }

  track(guard: Guard): () => void {
    this.guards.add(guard)
    return () => this.guards.delete(guard)
  }

  async allow(record: NewRecord): Promise<OpenRecord> {
    await this.beforeAllow?.()
    if (this.ledgerBroken) throw new LedgerFailed('broken')
    const recorded = this.#add({ ...record, seq: this.records.length + 1, verdict: 'allow', end: undefined })
    const end = (how: RecordEnd) => {
      if (recorded.end !== undefined) return
      recorded.end = how
      this.#changed()
    }
    return { seq: recorded.seq, end }
  }

  async deny(record: NewRecord, reason: Reason, status?: number): Promise<void> {
    const end = { reason, status: status ?? null }
    this.#add({ ...record, seq: this.records.length + 1, verdict: 'deny', end })
  }

  /** As the runner does it: the policy changes in place and everything open is asked again. */
  setPolicy(policy: Parameters<typeof Policy.parse>[0]): void {
    this.policy = compilePolicy({ policy: Policy.parse(policy) })
    this.policyVersion++
    for (const guard of [...this.guards]) if (!guard.stillAllowed()) guard.close('revoked')
  }

  end(): void {
    this.#end.abort()
  }

  /** The records, when so many are over. */
  async recorded(count: number): Promise<Recorded[]> {
    while (this.records.filter(({ end }) => end !== undefined).length < count) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
    return this.records
  }

  #add(record: Recorded): Recorded {
    this.records.push(record)
    this.#changed()
    return record
  }

  #changed(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}
