import { setTimeout as delay } from 'node:timers/promises'
import { deferred } from './deferred.ts'

const POLL_MS = 1000

export type LoopDeps<T> = {
  /** How many run at once. */
  capacity: number
  /** Takes the next piece of work, or undefined when there is none that fits into what is free. */
  claim: (free: number) => Promise<T | undefined>
  /** As how many a piece of work counts; default: one. */
  slotsOf?: (claimed: T) => number
  /** Does it. Its failures are its own business. */
  work: (claimed: T) => Promise<void>
  onError: (error: unknown) => void
}

/** Claims work while there is room and runs it, woken by `wake`, with a poll of one second as the floor. */
export function claimLoop<T>({ capacity, claim, slotsOf = () => 1, work, onError }: LoopDeps<T>) {
  const running = new Map<Promise<void>, number>()
  let woken = deferred()

  const wake = () => woken.resolve()
  const free = () => capacity - [...running.values()].reduce((sum, slots) => sum + slots, 0)

  async function fill(signal: AbortSignal) {
    while (free() > 0 && !signal.aborted) {
      const claimed = await claim(free())
      if (claimed === undefined) return
      const job = work(claimed)
        .catch(onError)
        .finally(() => {
          running.delete(job)
          wake()
        })
      running.set(job, slotsOf(claimed))
    }
  }

  return {
    wake,
    /** Runs until the signal aborts. What is running then goes on; `idle` waits for it. */
    async run(signal: AbortSignal) {
      while (!signal.aborted) {
        await fill(signal).catch(onError)
        const pause = new AbortController()
        const poll = delay(POLL_MS, undefined, { signal: AbortSignal.any([signal, pause.signal]) })
        await Promise.race([woken.promise, poll.catch(() => undefined)])
        pause.abort()
        woken = deferred()
      }
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running.keys())
    },
    /** Whether another one might begin. */
    get hasRoom() {
      return free() > 0
    },
  }
}
