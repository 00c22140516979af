export type Release = () => PromiseLike<void> | void
export type CleanupStack = AsyncDisposable & { defer: (release: Release) => void }

/**
 * Collects releases and runs them last-in first-out; one failure does not skip the rest. What work that nobody waits for
 * any more still acquires is released at once.
 */
export function cleanupStack(): CleanupStack {
  const releases: Release[] = []
  let isOver = false
  return {
    defer(release) {
      if (isOver) void releaseLate(release)
      else releases.push(release)
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      const errors: unknown[] = []
      for (const release of releases.splice(0).reverse()) {
        try {
          await release()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, 'Cannot release every resource')
    },
  }
}

async function releaseLate(release: Release): Promise<void> {
  try {
    await release()
  } catch {
    // Whoever could be told has gone.
  }
}
