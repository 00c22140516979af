import { expect, test } from 'vitest'
import { AttemptFailure } from '../../runner/failure.ts'
import { stopSwitch } from '../../runner/stop.ts'

const full = new AttemptFailure('disk-full', 'Cannot go on')
const late = new AttemptFailure('timed-out:total', 'Cannot finish')

test('holdFailures() takes the first failure, and nothing stops for it or for later ones', () => {
  const stop = stopSwitch()
  const held = stop.holdFailures()
  stop.stop({ kind: 'failed', failure: full })
  stop.stop({ kind: 'failed', failure: late })
  expect(held.signal.reason).toBe(full)
  expect([stop.signal.aborted, stop.cause]).toEqual([false, undefined])
})

test.each(['cancelled', 'lease-lost', 'shutdown'] as const)('holdFailures() lets %s stop everything', (kind) => {
  const stop = stopSwitch()
  const held = stop.holdFailures()
  stop.stop({ kind: 'failed', failure: full })
  stop.stop({ kind })
  expect(stop.cause).toEqual({ kind })
  expect(held.signal.reason).toBe(full)
})

test('holdFailures() lets failures stop everything again once it is disposed', () => {
  const stop = stopSwitch()
  stop.holdFailures()[Symbol.dispose]()
  stop.stop({ kind: 'failed', failure: full })
  expect(stop.cause).toEqual({ kind: 'failed', failure: full })
})
