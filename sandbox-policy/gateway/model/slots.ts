import { Refusal } from './refusal.ts'

const MAX_WAITING = 64

/** How many requests of one sandbox are under way; the others wait in turn. */
export class Slots {
  readonly #waiting: (() => void)[] = []
  #taken = 0

  /** Resolves with the function that gives the slot back. Rejects with Refusal `rate`, or the signal's reason. */
  take(limit: number, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      if (this.#taken < Math.max(1, limit)) return resolve(this.#give())
      if (this.#waiting.length >= MAX_WAITING) {
        return reject(new Refusal(429, 'rate', `More than ${MAX_WAITING} model requests of this task are waiting.`))
      }
      const next = () => {
        signal.removeEventListener('abort', giveUp)
        resolve(this.#give())
      }
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(next), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(next)
    })
  }

  #give(): () => void {
    this.#taken += 1
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#taken -= 1
      this.#waiting.shift()?.()
    }
  }
}
