import { periodically } from '../periodically.ts'
import { untilAborted } from '../sandbox/aborted.ts'

export type Renewal = { renew: () => Promise<unknown>; everyMs: number }

/** Waits for work and keeps renewing meanwhile. Rejects when the first renewal does, the work does, or the signal aborts. */
export async function whileRenewing(
  work: Promise<void>,
  { renew, everyMs }: Renewal,
  signal: AbortSignal,
): Promise<void> {
  await renew()
  const over = new AbortController()
  const limit = AbortSignal.any([over.signal, signal])
  const renewals = periodically({ everyMs, work: renew, onError: () => undefined }, limit)
  try {
    await untilAborted(work, signal)
  } finally {
    over.abort()
    await renewals
  }
}
