import type { SandboxLimits } from '../control.ts'

/** Milliseconds that only grow. */
export type Clock = () => number

/** Admits `rate` things a second on average, and a second's worth at once. */
export class TokenBucket {
  readonly #clock: Clock
  #perMs = 0
  #capacity = 0
  #tokens = 0
  #at: number

  constructor(allowance: { count: number; perMs: number }, clock: Clock) {
    this.#clock = clock
    this.#at = clock()
    this.set(allowance)
    this.#tokens = this.#capacity
  }

  /** A new allowance; what is left of the old one stays, as far as the new one admits it. */
  set({ count, perMs }: { count: number; perMs: number }): void {
    this.#refill()
    this.#perMs = count / perMs
    this.#capacity = count
    this.#tokens = Math.min(this.#tokens, count)
  }

  take(): boolean {
    this.#refill()
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  #refill(): void {
    const now = this.#clock()
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}

const SECOND = 1000
const MINUTE = 60 * SECOND

/** What one sandbox may take of the gateway. */
export class Limits {
  readonly #buckets: Record<'request' | 'dns' | 'mint', TokenBucket>
  #limits: SandboxLimits
  #connections = 0
  #bytes = 0

  constructor(limits: SandboxLimits, clock: Clock) {
    this.#limits = limits
    const of = allowances(limits)
    this.#buckets = {
      request: new TokenBucket(of.request, clock),
      dns: new TokenBucket(of.dns, clock),
      mint: new TokenBucket(of.mint, clock),
    }
  }

  set(limits: SandboxLimits): void {
    this.#limits = limits
    const of = allowances(limits)
    for (const what of ['request', 'dns', 'mint'] as const) this.#buckets[what].set(of[what])
  }

  admit(what: 'request' | 'dns' | 'mint'): boolean {
    return this.#buckets[what].take()
  }

  openConnection(): (() => void) | undefined {
    if (this.#connections >= this.#limits.connections) return undefined
    this.#connections++
    let open = true
    return () => {
      if (open) this.#connections--
      open = false
    }
  }

  countBytes(bytes: number): boolean {
    this.#bytes += bytes
    return this.#limits.bytes === null || this.#bytes <= this.#limits.bytes
  }
}

function allowances(limits: SandboxLimits) {
  return {
    request: { count: limits.requestsPerSecond, perMs: SECOND },
    dns: { count: limits.dnsPerSecond, perMs: SECOND },
    mint: { count: limits.mintsPerMinute, perMs: MINUTE },
  }
}
