/** Something with deadlines; looked at about once a tick. */
export interface Watched {
  check(now: number): void
}

/** One coarse timer for all connections of the process: exact to a tick, and cheap for tens of thousands. */
export class Clock {
  /** Milliseconds; moves once a tick while something is watched. */
  now = Date.now()
  readonly #tickMs: number
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined

  constructor(tickMs = 1000) {
    this.#tickMs = tickMs
  }

  watch(item: Watched): void {
    this.#watched.add(item)
    if (this.#timer !== undefined) return
    this.now = Date.now()
    this.#timer = setInterval(() => {
      this.#tick()
    }, this.#tickMs)
    this.#timer.unref()
  }

  unwatch(item: Watched): void {
    this.#watched.delete(item)
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    this.now = Date.now()
    for (const item of this.#watched) item.check(this.now)
  }
}
