import { setTimeout as delay } from 'node:timers/promises'

/**
 * Orders the starts of commands in one container and its freezes: an engine that freezes a container in which it is
 * starting a command waits for that command for ever.
 */
export class ExecGate {
  readonly #starts = new Set<symbol>()
  #freezes: Promise<void> = Promise.resolve()
  #waiting = 0
  #onIdle: (() => void) | undefined
  readonly #limitMs: number

  /** A freeze waits so long for commands that are being started. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Waits until nothing is, or is to be, frozen; then a command may be started. Call what it resolves to when it runs. */
  async enter(): Promise<() => void> {
    while (this.#waiting > 0) await this.#freezes
    const start = Symbol('start')
    this.#starts.add(start)
    return () => {
      this.#starts.delete(start)
      if (this.#starts.size === 0) this.#onIdle?.()
    }
  }

  /**
   * Does work during which no command is being started. False, and nothing was done, when one takes longer to start than
   * the limit. One after the other.
   */
  freeze(work: () => Promise<void>): Promise<boolean> {
    this.#waiting++
    const turn = this.#freezes.then(async () => {
      try {
        if (!(await this.#untilIdle())) return false
        await work()
        return true
      } finally {
        this.#waiting--
      }
    })
    this.#freezes = turn.then(
      () => {},
      () => {},
    )
    return turn
  }

  async #untilIdle(): Promise<boolean> {
    if (this.#starts.size === 0) return true
    const over = new AbortController()
    const idle = new Promise<true>((resolve) => (this.#onIdle = () => resolve(true)))
    try {
      return await Promise.race([idle, delay(this.#limitMs, false, { signal: over.signal })])
    } finally {
      over.abort()
      this.#onIdle = undefined
    }
  }
}
