import { expect, test, vi } from 'vitest'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import { createPhases } from '../../runner/phases.ts'
import type { EventLog } from '../../runner/event-log.ts'
import { Stopped, stopSwitch } from '../../runner/stop.ts'

function harness() {
  const events: string[] = []
  const timings: PhaseTiming[] = []
  const log: EventLog = {
    write: async (phase, kind, payload) => void events.push(`${phase} ${kind} ${String(payload['status'])}`),
    flush: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
  const stop = stopSwitch()
  const phases = createPhases({ log, record: (timing) => void timings.push(timing), signal: stop.signal })
  return { events, timings, stop, phases }
}

const forever = () => new Promise<never>(() => undefined)

test('run() marks start and end in the log and records the duration', async () => {
  const { events, timings, phases } = harness()
  expect(await phases.run({ phase: 'agent', limitMs: 1000 }, async () => 7)).toBe(7)
  expect(events).toEqual(['agent phase started', 'agent phase ended'])
  expect(timings.map((timing) => timing.phase)).toEqual(['agent'])
})

test('run() adds up a phase that comes in two parts', async () => {
  const { timings, phases } = harness()
  await phases.run({ phase: 'checkout', limitMs: 1000 }, async () => undefined)
  await phases.run({ phase: 'checkout', limitMs: 1000 }, async () => undefined)
  expect(timings[1]?.ms).toBeGreaterThanOrEqual(timings[0]?.ms ?? Infinity)
})

test('run() ends work that does not listen, with the phase in the reason', async () => {
  const { phases, timings } = harness()
  const failed = phases.run({ phase: 'setup', limitMs: 5 }, forever)
  await expect(failed).rejects.toMatchObject({ name: 'AttemptFailure', reason: 'timed-out:setup' })
  expect(timings).toHaveLength(1)
})

test('run() ends silent work, and not work that is heard', async () => {
  const { phases } = harness()
  const silent = phases.run({ phase: 'agent', limitMs: 60_000, noOutputMs: 5 }, forever)
  await expect(silent).rejects.toMatchObject({ reason: 'no-output:agent' })
  vi.useFakeTimers()
  try {
    const loud = phases.run({ phase: 'agent', limitMs: 60_000, noOutputMs: 200 }, async ({ heard }) => {
      for (let times = 0; times < 5; times++) {
        await vi.advanceTimersByTimeAsync(199)
        heard()
      }
      return 'done'
    })
    expect(await loud).toBe('done')
  } finally {
    vi.useRealTimers()
  }
})

test('run() ends with the cause of the stop switch, and the first cause wins', async () => {
  const { phases, stop } = harness()
  const running = phases.run({ phase: 'agent', limitMs: 60_000 }, forever)
  stop.stop({ kind: 'cancelled' })
  stop.stop({ kind: 'shutdown' })
  await expect(running).rejects.toBeInstanceOf(Stopped)
  expect(stop.cause).toEqual({ kind: 'cancelled' })
  await expect(phases.run({ phase: 'collect', limitMs: 1 }, async () => 1)).rejects.toBeInstanceOf(Stopped)
})
