import type { EventLine, TaskEvents } from '../domain/tasks/read-events.ts'

const WINDOW_EVENTS = 4000
const WINDOW_CHARACTERS = 2 * 1024 * 1024
/** Each may hold a copy of the whole window: who asks from a thousand places must not fill the memory. */
const MAX_ENCODED = 8

export type FeedStep =
  | { kind: 'chunk'; bytes: Uint8Array; last: number }
  /** The window has moved on: read the database until the cursor is inside it again. */
  | { kind: 'behind' }
  | { kind: 'wait' }
  | { kind: 'ended' }

/**
 * The recent events of one task in memory, already in wire form, shared by everyone who follows it. Its memory is
 * bounded: old events leave the window, and a follower that is too slow for it is `behind`.
 */
export class EventFeed {
  readonly taskId: string
  followers = 0
  joins = 0
  #seq: number
  #ended = false
  #characters = 0
  readonly #window: string[] = []
  // Followers that are up to date ask for the same slice: it is encoded once.
  readonly #encoded = new Map<number, Uint8Array>()
  readonly #waiting = new Set<() => void>()

  constructor(taskId: string, startAfter: number) {
    this.taskId = taskId
    this.#seq = startAfter
  }

  /** The number of the last event in the window. */
  get seq(): number {
    return this.#seq
  }

  /** Says what a follower whose last event was `cursor` should do next. */
  step(cursor: number): FeedStep {
    if (cursor >= this.#seq) return this.#ended ? { kind: 'ended' } : { kind: 'wait' }
    const first = this.#seq - this.#window.length
    if (cursor < first) return { kind: 'behind' }
    let bytes = this.#encoded.get(cursor)
    if (bytes === undefined) {
      bytes = Buffer.from(this.#window.slice(cursor - first).join(''))
      if (this.#encoded.size >= MAX_ENCODED) this.#encoded.clear()
      this.#encoded.set(cursor, bytes)
    }
    return { kind: 'chunk', bytes, last: this.#seq }
  }

  /** Takes in what was read after `seq`. `partial` says that there may be more than was read. */
  add(read: TaskEvents, partial: boolean): void {
    const fresh = read.events.filter((event) => event.seq > this.#seq)
    for (const event of fresh) {
      const frame = eventFrame(event)
      this.#window.push(frame)
      this.#characters += frame.length
      this.#seq = event.seq
    }
    this.#trim()
    if (fresh.length > 0) this.#encoded.clear()
    const ended = read.ended && !partial
    if (fresh.length > 0 || ended !== this.#ended) this.wake()
    this.#ended = ended
  }

  /** Counts a follower in. The task may go on since the last read, when publishing has begun: the next read says. */
  join(): void {
    this.followers++
    this.joins++
    this.#ended = false
  }

  /** Resolves when there is news, when woken or aborted, or after a time. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<'changed' | 'timeout'> {
    return new Promise((resolve) => {
      const settle = (outcome: 'changed' | 'timeout') => {
        clearTimeout(timer)
        this.#waiting.delete(resume)
        signal.removeEventListener('abort', resume)
        resolve(outcome)
      }
      const resume = () => settle('changed')
      const timer = setTimeout(settle, timeoutMs, 'timeout')
      if (signal.aborted) return resume()
      this.#waiting.add(resume)
      signal.addEventListener('abort', resume)
    })
  }

  /** Wakes everyone who waits. */
  wake(): void {
    for (const resume of [...this.#waiting]) resume()
  }

  #trim(): void {
    let drop = 0
    const tooMany = () => this.#window.length - drop > WINDOW_EVENTS || this.#characters > WINDOW_CHARACTERS
    while (drop < this.#window.length && tooMany()) this.#characters -= this.#window[drop++]?.length ?? 0
    if (drop > 0) this.#window.splice(0, drop)
  }
}

/** An event as SSE. Its JSON holds no line break, so it is one `data:` line. */
export function eventFrame({ seq, json }: EventLine): string {
  return `id: ${seq}\ndata: ${json}\n\n`
}
