import { rmSync } from 'node:fs'
import type { Segment } from './segments.ts'

/** Sequence numbers of one sandbox: `last` is on the spool. */
export type Counter = { last: number }

/** What the runner does not have yet: the segments, and how far each sandbox has counted. */
export class Backlog {
  readonly segments: Segment[]
  readonly #counters: Map<string, Counter>
  /** Sandboxes that are gone, with the position of their last record at most. */
  readonly #gone = new Map<string, number>()

  constructor(segments: Segment[], counters: Map<string, Counter>) {
    this.segments = segments
    this.#counters = counters
    for (const sandbox of counters.keys()) this.#gone.set(sandbox, segments.at(-1)?.last ?? 0)
  }

  bytes(): number {
    let sum = 0
    for (const { size } of this.segments) sum += size
    return sum
  }

  counterOf(sandbox: string, seqAfter: number): Counter {
    const counter = this.#counters.get(sandbox) ?? { last: 0 }
    counter.last = Math.max(counter.last, seqAfter)
    this.#counters.set(sandbox, counter)
    this.#gone.delete(sandbox)
    return counter
  }

  /** The counter stays until the runner has the records: from then on, its own `seqAfter` is right. */
  forget(sandbox: string, lastPosition: number): void {
    if (this.#counters.has(sandbox)) this.#gone.set(sandbox, lastPosition)
  }

  /** Deletes the segments that end at the position or before it; the active one stays, since positions go on from it. */
  acknowledge(position: number, active: Segment): void {
    for (let first = this.segments[0]; first && first !== active && first.last <= position; first = this.segments[0]) {
      rmSync(first.path, { force: true })
      this.segments.shift()
    }
    for (const [sandbox, last] of this.#gone) {
      if (last > position) continue
      this.#gone.delete(sandbox)
      this.#counters.delete(sandbox)
    }
  }
}
