export type Release = () => PromiseLike<void> | void
export type CleanupStack = AsyncDisposable & { defer: (release: Release) => void }

/** Collects releases and runs them last-in first-out; one failure does not skip the rest. */
export function cleanupStack(): CleanupStack {
  const releases: Release[] = []
  return {
    defer: (release) => void releases.push(release),
    async [Symbol.asyncDispose]() {
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
