import { setMaxListeners } from 'node:events'
import type { Credential, GatewaySettings, ModelGrant, SandboxConfig } from '../control.ts'
import type { CompiledPolicy } from '../decide.ts'
import type { Reason } from '../ledger.ts'
import { Bag, type Place } from './bag.ts'
import type { Counter } from './ledger/backlog.ts'
import { headJson, redactQuery, tailJson, type RecordHead, type RecordTail } from './ledger/line.ts'
import type { Spool } from './ledger/spool.ts'
import { Limits, TokenBucket, type Clock } from './limits.ts'
import {
  LedgerFailed,
  type Guard,
  type NewRecord,
  type OpenRecord,
  type RecordEnd,
  type Session,
  type Use,
} from './session.ts'

export type SessionDeps = {
  spool: Pick<Spool, 'counterOf' | 'open' | 'complete' | 'crowded'>
  settings: () => Pick<GatewaySettings, 'redactQueries'>
  clock: Clock
  /** A fault of ours, without anything of the sandbox's in it. */
  log: (message: string, sandbox: string) => void
  /** Whose own tools use it, where it is no sandbox. */
  person?: string
}

/** The lease of a sandbox that was just added, until the first renewal (R11). */
export const FIRST_LEASE_MS = 30_000

/** Records of refusals for being too fast, a second: a flood must not fill the ledger that all share. */
const RATE_RECORDS = { count: 20, perMs: 1000 }

/** What each sandbox may still ask for while the spool is crowded, so that one that floods does not stop the others. */
const CROWDED = { count: 50, perMs: 1000 }

/** One sandbox, its configuration replaced in place. */
export class SandboxSession implements Session {
  readonly id: string
  readonly gatewayAddress: string
  readonly sandboxAddress: string
  readonly #deps: SessionDeps
  readonly #limits: Limits
  readonly #rateRecords: TokenBucket
  readonly #crowded: TokenBucket
  readonly #counter: Counter
  readonly #guards = new Bag<Guard>()
  readonly #records = new Bag<SessionRecord>()
  readonly #settled = new Set<() => void>()
  readonly #ended = new AbortController()
  /** From then on nothing passes, also when nobody has ended the session yet. */
  leaseUntil: number
  #config: SandboxConfig
  #policy: CompiledPolicy
  #credentials: ReadonlyMap<string, Credential>
  #repositories: ReadonlySet<string>

  constructor(config: SandboxConfig, policy: CompiledPolicy, deps: SessionDeps) {
    // One for each connection and wait.
    setMaxListeners(0, this.#ended.signal)
    this.id = config.id
    this.gatewayAddress = config.gatewayAddress
    this.sandboxAddress = config.sandboxAddress
    this.#deps = deps
    this.#limits = new Limits(config.limits, deps.clock)
    this.#rateRecords = new TokenBucket(RATE_RECORDS, deps.clock)
    this.#crowded = new TokenBucket(CROWDED, deps.clock)
    this.#counter = deps.spool.counterOf(config.id, config.seqAfter)
    this.leaseUntil = deps.clock() + FIRST_LEASE_MS
    this.#config = config
    this.#policy = policy
    this.#credentials = new Map(Object.entries(config.credentials))
    this.#repositories = new Set(config.repositories)
  }

  get policy(): CompiledPolicy {
    return this.#policy
  }
  get policyVersion(): number {
    return this.#config.policyVersion
  }
  get phase(): SandboxConfig['phase'] {
    return this.#config.phase
  }
  get credentials(): ReadonlyMap<string, Credential> {
    return this.#credentials
  }
  get model(): ModelGrant | undefined {
    // The route exists in the agent phase only (R12).
    return this.#config.phase === 'agent' ? this.#config.model : undefined
  }
  get repositories(): ReadonlySet<string> {
    return this.#repositories
  }
  get ended(): AbortSignal {
    return this.#ended.signal
  }
  /** Resolves when no exchange is open. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#records.size === 0) resolve()
      else this.#settled.add(resolve)
    })
  }

  /** In force when it returns, and everything that it no longer allows is closed. */
  replace(config: SandboxConfig, policy: CompiledPolicy): void {
    const newPhase = config.phase !== this.#config.phase
    this.#config = config
    this.#policy = policy
    this.#credentials = new Map(Object.entries(config.credentials))
    this.#repositories = new Set(config.repositories)
    this.#limits.set(config.limits)
    this.#deps.spool.counterOf(this.id, config.seqAfter)
    for (const place of this.#guards.places()) {
      if (newPhase || !this.#stillAllows(place.item)) this.#close(place)
    }
  }

  /** Closes everything for good. Safe to call twice. */
  end(): void {
    this.#ended.abort()
    for (const place of this.#guards.places()) this.#close(place)
  }

  /** Completes the records of exchanges that did not do so themselves. */
  completeRecords(): void {
    for (const { item } of this.#records.places()) item.end({ reason: 'revoked' })
  }

  admit(what: 'request' | 'dns' | 'mint'): boolean {
    if (this.#isOver() || !this.#limits.admit(what)) return false
    return what === 'mint' || this.#hasRoom()
  }

  openConnection(): (() => void) | undefined {
    return this.#isOver() || !this.#hasRoom() ? undefined : this.#limits.openConnection()
  }

  countBytes(bytes: number): boolean {
    return this.#limits.countBytes(bytes) && !this.#isOver()
  }

  track(guard: Guard): () => void {
    const place = this.#guards.add(guard)
    // Something that began just before the end would otherwise outlive it.
    if (this.#ended.signal.aborted) this.#close(place)
    return () => this.#guards.remove(place)
  }

  async allow(record: NewRecord): Promise<OpenRecord> {
    if (this.#isOver()) throw new LedgerFailed(`Cannot open a record: sandbox "${this.id}" is gone`)
    const about = { head: this.#head(record, 'allow'), policyVersion: this.policyVersion, use: record.use }
    const opened = new SessionRecord(about, this.#deps, () => this.#over(place))
    await opened.open(this.#counter)
    const place = this.#records.add(opened)
    if (!this.#isOver()) return opened
    opened.end({ reason: 'revoked' })
    throw new LedgerFailed(`Cannot open a record: sandbox "${this.id}" is gone`)
  }

  async deny(record: NewRecord, reason: Reason, status?: number): Promise<void> {
    if (reason === 'rate' && !this.#rateRecords.take()) return
    const tail = {
      ...{ reason, status: status ?? null, bytesUp: 0, bytesDown: 0, ms: 0, policyVersion: this.policyVersion },
      ...useOf(this.#deps, record.use),
    }
    const members = `${headJson(this.#head(record, 'deny'))},${tailJson(tail)}`
    // The spool says by itself that it cannot be written.
    await this.#deps.spool.open(this.#counter, members).catch(() => {})
  }

  #over(place: Place<SessionRecord>): void {
    this.#records.remove(place)
    if (this.#records.size > 0) return
    for (const resolve of this.#settled) resolve()
    this.#settled.clear()
  }

  #head(record: NewRecord, verdict: 'allow' | 'deny'): RecordHead {
    const path = record.path ?? null
    return {
      at: new Date().toISOString(),
      sandbox: this.id,
      attempt: this.#config.attempt,
      phase: this.#config.phase,
      layer: record.layer,
      asked: record.asked ?? null,
      host: record.host ?? null,
      port: record.port ?? null,
      address: record.address ?? null,
      method: record.method ?? null,
      path: path !== null && this.#deps.settings().redactQueries ? redactQuery(path) : path,
      verdict,
      rule: record.rule ?? null,
    }
  }

  #hasRoom(): boolean {
    return !this.#deps.spool.crowded || this.#crowded.take()
  }

  #isOver(): boolean {
    return this.#ended.signal.aborted || this.#deps.clock() >= this.leaseUntil
  }

  /** A guard that fails is not allowed. */
  #stillAllows(guard: Guard): boolean {
    try {
      return guard.stillAllowed()
    } catch {
      this.#deps.log('a guard failed to say whether it is still allowed', this.id)
      return false
    }
  }

  #close(place: Place<Guard>): void {
    this.#guards.remove(place)
    try {
      place.item.close('revoked')
    } catch {
      this.#deps.log('a guard failed to close', this.id)
    }
  }
}

class SessionRecord implements OpenRecord {
  readonly #head: RecordHead
  readonly #json: string
  readonly #policyVersion: number
  readonly #use: Use | undefined
  readonly #deps: SessionDeps
  readonly #onEnd: () => void
  readonly #since: number
  #seq = 0
  #over = false

  constructor(
    { head, policyVersion, use }: { head: RecordHead; policyVersion: number; use: Use | undefined },
    deps: SessionDeps,
    onEnd: () => void,
  ) {
    this.#use = use
    this.#head = head
    this.#json = headJson(head)
    this.#policyVersion = policyVersion
    this.#deps = deps
    this.#onEnd = onEnd
    this.#since = deps.clock()
  }

  get seq(): number {
    return this.#seq
  }

  async open(counter: Counter): Promise<void> {
    const tail = {
      ...{ reason: null, status: null, bytesUp: 0, bytesDown: 0, ms: null, policyVersion: this.#policyVersion },
      ...useOf(this.#deps, this.#use),
    }
    this.#seq = await this.#deps.spool.open(counter, `${this.#json},${tailJson(tail)}`)
  }

  end({ status = null, bytesUp = 0, bytesDown = 0, reason = null, address, use = this.#use }: RecordEnd): void {
    if (this.#over) return
    this.#over = true
    this.#onEnd()
    const ms = Math.round(this.#deps.clock() - this.#since)
    const policyVersion = this.#policyVersion
    const tail = { reason, status, bytesUp, bytesDown, ms, policyVersion, ...useOf(this.#deps, use) }
    const moved = address !== undefined && address !== this.#head.address
    const head = moved ? headJson({ ...this.#head, address }) : this.#json
    this.#deps.spool.complete(this.#seq, `${head},${tailJson(tail)}`)
  }
}

/** What a person's own tool is refused counts as theirs, too. */
function useOf({ person }: SessionDeps, use: Use | undefined): Pick<RecordTail, 'use'> {
  if (use === undefined && person === undefined) return {}
  return { use: { ...(use ?? NO_USE), person: person ?? null } }
}

const NO_USE: Use = { provider: null, model: null, inputTokens: 0, outputTokens: 0 }
