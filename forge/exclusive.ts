export type Exclusive = {
  /** Runs one function after the other, in the order of calls. */
  run<T>(work: () => Promise<T>): Promise<T>
  isFree(): boolean
}

export function exclusive(): Exclusive {
  let tail: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return {
    run: (work) => {
      waiting++
      const result = tail.then(work).finally(() => waiting--)
      tail = result.catch(() => undefined)
      return result
    },
    isFree: () => waiting === 0,
  }
}
