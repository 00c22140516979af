export type EngineGateDeps = {
  answers: () => Promise<boolean>
  /** Removes what ended attempts left. */
  sweep: () => Promise<void>
}

export type EngineGate = {
  /** Says whether work may be claimed: the engine answers, and nothing of an earlier outage is left on it. */
  isOpen: () => Promise<boolean>
  /** Something may have been left: sweep before the next claim. */
  suspect: () => void
}

/**
 * Stands before the claims of a runner. With the engine away nothing could run, so attempts stay in the queue, where they
 * lose nothing. After an outage leftovers are swept first: a container that nobody removed may still run an old claim.
 */
export function engineGate({ answers, sweep }: EngineGateDeps): EngineGate {
  let suspected = false
  return {
    async isOpen() {
      if (!(await answers())) {
        suspected = true
        return false
      }
      if (!suspected) return true
      suspected = false
      try {
        await sweep()
      } catch (error) {
        suspected = true
        throw error
      }
      return true
    },
    suspect: () => void (suspected = true),
  }
}
