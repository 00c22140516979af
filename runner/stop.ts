import type { AttemptFailure } from './failure.ts'

/** Why the work on an attempt stops before its end. */
export type StopCause =
  { kind: 'cancelled' } | { kind: 'lease-lost' } | { kind: 'shutdown' } | { kind: 'failed'; failure: AttemptFailure }

/** What the work signal aborts with. */
export class Stopped extends Error {
  override name = 'Stopped'
  readonly because: StopCause

  constructor(because: StopCause) {
    super(`Stopped: ${because.kind}`)
    this.because = because
  }
}

export type StopSwitch = {
  signal: AbortSignal
  readonly cause: StopCause | undefined
  stop: (cause: StopCause) => void
  /**
   * Until it is disposed, the first failure aborts this signal alone, with the failure, and later ones do nothing: its holder
   * ends what it does, and keeps what that has made. All other causes still stop everything.
   */
  holdFailures: () => Disposable & { signal: AbortSignal }
}

/** The work signal of one attempt. The first cause wins: a time-out that follows a cancel stays a cancel. */
export function stopSwitch(): StopSwitch {
  const controller = new AbortController()
  let cause: StopCause | undefined
  let held: AbortController | undefined
  return {
    signal: controller.signal,
    get cause() {
      return cause
    },
    stop(reason) {
      if (cause) return
      if (reason.kind === 'failed' && held) return held.abort(reason.failure)
      cause = reason
      controller.abort(new Stopped(reason))
    },
    holdFailures() {
      const own = new AbortController()
      held = own
      return { signal: own.signal, [Symbol.dispose]: () => void (held = undefined) }
    },
  }
}
