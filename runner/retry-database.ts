import { setTimeout as delay } from 'node:timers/promises'

/** What the driver and the server say when a connection is lost or cannot be had; not what a query does wrong. */
const LOST = new Set([
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT'],
  // admin_shutdown, crash_shutdown, cannot_connect_now, connection failures, deadlock_detected, serialization_failure
  ...['57P01', '57P02', '57P03', '08000', '08003', '08006', '40P01', '40001'],
])

/** Does a database write again while the database is away, until the signal aborts. */
export async function retryDatabase<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
    try {
      return await work()
    } catch (error) {
      if (!isLost(error)) throw error
      if (signal.aborted) throw error
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
}

function isLost(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && LOST.has(code)) return true
  }
  return false
}
