import { setTimeout as delay } from 'node:timers/promises'
import type { Fence } from '../domain/tasks/attempt.ts'
import type { StopCause, StopSwitch } from './stop.ts'

const SECOND = 1000
export const LEASE_MS = 30 * SECOND
/** A third: two renewals may fail before the attempt is given away. */
const RENEW_MS = LEASE_MS / 3
/** Work stops this long before the lease ends, so that its containers are gone when another runner may start. */
const MARGIN_MS = 8 * SECOND

export type LeaseDeps = {
  renew: (fences: readonly Fence[], leaseMs: number) => Promise<Set<string>>
  /** Those of the attempts that a person cancelled. */
  cancelled: (attemptIds: readonly string[]) => Promise<readonly string[]>
  onError: (error: unknown) => void
}

type Held = { fence: Fence; stop: StopSwitch; renewedAt: number }

/** Holds the leases of a runner: renews them, notices cancels, and stops work that it can no longer hold. */
export function leaseKeeper(deps: LeaseDeps) {
  // By claim: an attempt may come back to this runner while its earlier claim is still being cleaned up.
  const held = new Map<string, Held>()
  let stoppedFor: StopCause | undefined

  async function renewAll() {
    const asked = [...held.values()]
    const now = performance.now()
    const kept = await deps.renew(
      asked.map((entry) => entry.fence),
      LEASE_MS,
    )
    const gone = asked.filter((entry) => !kept.has(entry.fence.attemptId))
    for (const entry of asked) if (kept.has(entry.fence.attemptId)) entry.renewedAt = now
    if (gone.length === 0) return
    await noticeCancels(gone)
    for (const entry of gone) entry.stop.stop({ kind: 'lease-lost' })
  }

  async function noticeCancels(entries: readonly Held[] = [...held.values()]) {
    if (entries.length === 0) return
    const cancelled = new Set(await deps.cancelled(entries.map((entry) => entry.fence.attemptId)))
    for (const { fence, stop } of entries) if (cancelled.has(fence.attemptId)) stop.stop({ kind: 'cancelled' })
  }

  function stopOverdue() {
    for (const entry of held.values()) {
      if (performance.now() - entry.renewedAt > LEASE_MS - MARGIN_MS) entry.stop.stop({ kind: 'lease-lost' })
    }
  }

  return {
    hold(fence: Fence, stop: StopSwitch) {
      // Whoever has a newer claim has the attempt.
      for (const older of held.values())
        if (older.fence.attemptId === fence.attemptId) older.stop.stop({ kind: 'lease-lost' })
      held.set(keyOf(fence), { fence, stop, renewedAt: performance.now() })
      if (stoppedFor) stop.stop(stoppedFor)
      return { release: () => void held.delete(keyOf(fence)) }
    },
    /** Stops all work, for the same cause: also what a claim that is under way still brings. */
    stopAll(cause: StopCause) {
      stoppedFor = cause
      for (const entry of held.values()) entry.stop.stop(cause)
    },
    holds: (attemptId: string, claim: number) => held.has(keyOf({ attemptId, claim })),
    /** Looks at once whether one was cancelled: called when the database says so. */
    wake: () => noticeCancels().catch(deps.onError),
    /** Renews and looks around until the signal aborts. */
    async run(signal: AbortSignal) {
      let renewAt = performance.now() + RENEW_MS
      while (!signal.aborted) {
        await delay(SECOND, undefined, { signal }).catch(() => undefined)
        const due = performance.now() >= renewAt
        if (due) renewAt = performance.now() + RENEW_MS
        // An unreachable database must not keep `stopOverdue` from its turn.
        void (due ? renewAll() : noticeCancels()).catch(deps.onError)
        stopOverdue()
      }
    },
  }
}
export type LeaseKeeper = ReturnType<typeof leaseKeeper>

const keyOf = ({ attemptId, claim }: Fence) => `${attemptId}/${claim}`
