import { setTimeout as delay } from 'node:timers/promises'

export type Periodic = { everyMs: number; work: () => Promise<unknown>; onError: (error: unknown) => void }

/** Does something again and again until the signal aborts; a failure does not end it. */
export async function periodically({ everyMs, work, onError }: Periodic, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(everyMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    await work().catch(onError)
  }
}
