import type { NetworkPlan } from './network-plan.ts'
import { periodically } from './periodically.ts'

const LOOK_EVERY_MS = 2000

/** What an attempt may reach, which people may change while it runs. */
export type LivePlan = {
  readonly current: NetworkPlan
  /** Looks for changes until the returned function is called, and calls back after each. */
  follow: (onChange: () => Promise<void>) => () => void
}

export type LivePlanDeps = {
  /** Reads the plan as it is in the database. A plan that cannot be read leaves the one before in force. */
  read: () => Promise<NetworkPlan>
  onError: (error: unknown) => void
}

/** A plan that follows the environment and the workspace's settings. */
export function livePlan(first: NetworkPlan, { read, onError }: LivePlanDeps): LivePlan {
  let current = first
  return {
    get current() {
      return current
    },
    follow(onChange) {
      const over = new AbortController()
      // Each follower compares with what it has seen itself: another may have read the change before.
      let seen = JSON.stringify(current)
      const work = async () => {
        const latest = await read()
        const text = JSON.stringify(latest)
        if (text === seen) return
        current = latest
        await onChange()
        seen = text
      }
      void periodically({ everyMs: LOOK_EVERY_MS, work, onError }, over.signal)
      return () => over.abort()
    },
  }
}
