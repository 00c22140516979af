export type WriteBehind = {
  /** Adds a write. Its failure is told once, and nothing is written after it. */
  add: (write: () => Promise<void>) => void
  /** Resolves when all that was added is written; rejects when it cannot be. */
  flush: () => Promise<void>
}

/** Writes, one after the other, for which the work does not wait while they go to the database. */
export function writeBehind(onLost: (error: unknown) => void): WriteBehind {
  let last: Promise<void> = Promise.resolve()
  let failure: { error: unknown } | undefined
  return {
    add(write) {
      last = last
        .then(() => (failure ? undefined : write()))
        .catch((error: unknown) => {
          failure = { error }
          onLost(error)
        })
    },
    async flush() {
      await last
      if (failure) throw failure.error
    },
  }
}
