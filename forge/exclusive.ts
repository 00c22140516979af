export type Exclusive = {
  /** Runs one function after the other, in the order of calls. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when what was asked for so far has ended, however it did. */
  settled(): Promise<void>
  /** Whether nothing runs or waits. */
  isFree(): boolean
}

export function exclusive(): Exclusive {
  let tail: Promise<void> = Promise.resolve()
  let waiting = 0
  return {
    run: (work) => {
      waiting++
      const result = tail.then(work).finally(() => waiting--)
      tail = result.then(
        () => undefined,
        () => undefined,
      )
      return result
    },
    settled: () => tail,
    isFree: () => waiting === 0,
  }
}
