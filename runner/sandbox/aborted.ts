/**
 * Waits for work, but no longer than the signal allows: rejects with its reason at once. The work itself goes on; `late`
 * receives what it still yields, so that nothing is left open.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, late?: (value: T) => void): Promise<T> {
  const reason = () => signal.reason as Error
  if (signal.aborted) {
    work.then(late, () => {})
    throw reason()
  }
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      work.then(late, () => {})
      reject(reason())
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
