import type { Phase, PhaseTiming } from '../domain/tasks/attempt.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'

export type PhaseSpec = { phase: Phase; limitMs: number; noOutputMs?: number }

/** What a phase's work gets: a signal that ends with the phase, and a way to say that something was heard. */
export type PhaseScope = { signal: AbortSignal; heard: () => void }

export type PhasesDeps = { log: EventLog; record: (timing: PhaseTiming) => void; signal: AbortSignal }

export type Phases = {
  /** The phase that runs, or ran last. */
  readonly current: Phase
  /** Runs one phase under its limits; its duration is recorded also when it fails. A phase that comes in two parts is one. */
  run: <T>(spec: PhaseSpec, work: (scope: PhaseScope) => Promise<T>) => Promise<T>
}

/** Runs phases one after the other, each with its own limit, silence alarm, duration and log marks. */
export function createPhases({ log, record, signal }: PhasesDeps): Phases {
  let current: Phase = 'queue'
  const spent = new Map<Phase, number>()
  return {
    get current() {
      return current
    },
    async run(spec, work) {
      signal.throwIfAborted()
      current = spec.phase
      const started = performance.now()
      await log.write(spec.phase, 'phase', { status: 'started' })
      const watch = watchPhase(spec, signal)
      try {
        return await untilAborted(work({ signal: watch.signal, heard: watch.heard }), watch.signal)
      } finally {
        watch.stop()
        const ms = Math.round(performance.now() - started)
        await log.write(spec.phase, 'phase', { status: 'ended', ms })
        const total = (spent.get(spec.phase) ?? 0) + ms
        spent.set(spec.phase, total)
        if (!signal.aborted) record({ phase: spec.phase, ms: total })
      }
    },
  }
}

/** A phase ends when its signal says so, even if its work does not listen. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort)
    // The loser of the race must not count as unhandled.
    work.catch(() => undefined)
    aborted.catch(() => undefined)
  }
}

/** The limits of a phase: a signal that ends with the first that is reached, and with the outer one. */
export function watchPhase({ phase, limitMs, noOutputMs }: PhaseSpec, outer: AbortSignal) {
  const own = new AbortController()
  const limit = setTimeout(() => {
    const message = `Cannot finish the ${phase} phase: it reached its limit of ${seconds(limitMs)}. Raise the limit in the environment, or make the work shorter.`
    own.abort(new AttemptFailure(`timed-out:${phase}`, message))
  }, limitMs)
  const silence =
    noOutputMs === undefined
      ? undefined
      : setTimeout(() => {
          const message = `Cannot finish the ${phase} phase: nothing was printed for ${seconds(noOutputMs)}. It may wait for input or hang; raise noOutputMs in the environment's limits if it is only slow.`
          own.abort(new AttemptFailure(`no-output:${phase}`, message))
        }, noOutputMs)
  return {
    signal: AbortSignal.any([outer, own.signal]),
    heard: () => void silence?.refresh(),
    stop() {
      clearTimeout(limit)
      clearTimeout(silence)
    },
  }
}

const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`
