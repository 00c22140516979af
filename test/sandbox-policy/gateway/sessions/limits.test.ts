import { expect, test } from 'vitest'
import { configOf, startSessions } from './fixture.ts'

function session(more: Parameters<typeof configOf>[0] = {}) {
  const all = startSessions()
  all.sessions.put(configOf(more))
  const found = all.sessions.get('s1')
  if (!found) throw new Error('no session')
  return { ...all, session: found }
}

test('admit() slows everyone down while the runner falls behind, so that nobody stops the others', () => {
  const { session: live, state } = session()
  const burst = () => Array.from({ length: 500 }, () => live.admit('request')).filter(Boolean).length
  expect(burst()).toBe(500)
  state.crowded = true
  expect(burst()).toBe(50)
  state.now += 1000
  expect(burst()).toBe(50)
  state.crowded = false
  expect(burst()).toBe(500)
})

test.each([
  ['request', 'requestsPerSecond', 1000],
  ['dns', 'dnsPerSecond', 1000],
  ['mint', 'mintsPerMinute', 60_000],
] as const)('admit() of a %s holds %s', (what, limit, perMs) => {
  const limits = { connections: 1, requestsPerSecond: 100, dnsPerSecond: 100, mintsPerMinute: 100, bytes: null }
  const { sessions, session: live, state } = session({ limits: { ...limits, [limit]: 10 } })
  live.leaseUntil = Infinity
  const burst = () => Array.from({ length: 50 }, () => live.admit(what)).filter(Boolean).length
  expect(burst()).toBe(10)
  state.now += perMs / 2
  expect(burst()).toBe(5)
  state.now += 10 * perMs
  sessions.put(configOf({ limits: { ...limits, [limit]: 3 } }))
  expect(burst()).toBe(3)
  sessions.put(configOf({ limits: { ...limits, [limit]: 0 } }))
  state.now += perMs
  expect(burst()).toBe(0)
})

test('openConnection() holds the limit; a connection counts back once', () => {
  const { session: live } = session({ limits: { ...configOf().limits, connections: 2 } })
  const [first, second] = [live.openConnection(), live.openConnection()]
  expect(live.openConnection()).toBeUndefined()
  first?.()
  first?.()
  expect(second).toBeDefined()
  expect(live.openConnection()).toBeDefined()
  expect(live.openConnection()).toBeUndefined()
})

test('countBytes() holds the limit in all', () => {
  const { session: live } = session({ limits: { ...configOf().limits, bytes: 100 } })
  expect([live.countBytes(60), live.countBytes(40), live.countBytes(1), live.countBytes(0)]).toEqual([
    true,
    true,
    false,
    false,
  ])
})
