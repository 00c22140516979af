// In memory, each process for itself: whoever floods the door must cost the database nothing. With several processes
// somebody has as many tries more, which matters little for secrets of 256 bits.

import type { Context } from 'hono'
import { DrydockError } from '../domain/errors.ts'

const SECOND = 1000
const MAX_KEYS = 10_000

export type Limit = { most: number; windowMs: number }
type Window = { count: number; endsAt: number }

/** Counts by key, each in a window of its own. Of more keys than there is room for, the oldest are forgotten. */
export class RateLimit {
  readonly #limit: Limit
  readonly #now: () => number
  readonly #windows = new Map<string, Window>()

  constructor(limit: Limit, now: () => number = () => performance.now()) {
    this.#limit = limit
    this.#now = now
  }

  /** Seconds until there is room again; 0 while there is. */
  wait(key: string): number {
    const window = this.#windows.get(key)
    if (window === undefined || window.count < this.#limit.most) return 0
    return Math.max(0, Math.ceil((window.endsAt - this.#now()) / SECOND))
  }

  /** Counts one more. */
  count(key: string): void {
    const now = this.#now()
    const window = this.#windows.get(key)
    if (window !== undefined && window.endsAt > now) return void window.count++
    this.#windows.delete(key)
    const [oldest] = this.#windows.keys()
    if (this.#windows.size >= MAX_KEYS && oldest !== undefined) this.#windows.delete(oldest)
    this.#windows.set(key, { count: 1, endsAt: now + this.#limit.windowMs })
  }
}

/** Rejects with `rate-limited`, and says when to come back. */
export function refuseFor(c: Context, seconds: number): never {
  c.header('retry-after', String(seconds))
  throw new DrydockError('rate-limited', `Cannot answer: too many tries were made. Try again in ${seconds} seconds`)
}
