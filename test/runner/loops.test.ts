import { expect, test, vi } from 'vitest'
import { claimLoop } from '../../runner/claim-loop.ts'
import { leaseKeeper } from '../../runner/lease.ts'
import { stopSwitch } from '../../runner/stop.ts'
import { retryDatabase } from '../../runner/retry-database.ts'

const unexpected = (error: unknown) => {
  throw error
}

test('claimLoop() never runs more than its capacity and drains', async () => {
  const queue = Array.from({ length: 20 }, (_, i) => i)
  let running = 0
  let most = 0
  const done: number[] = []
  const stop = new AbortController()
  const loop = claimLoop({
    capacity: 3,
    claim: async () => queue.shift(),
    work: async (item) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      if (done.push(item) === 20) stop.abort()
    },
    onError: unexpected,
  })
  await loop.run(stop.signal)
  await loop.idle()
  expect(most).toBe(3)
  expect(done).toHaveLength(20)
})

test('claimLoop() counts a piece of work as many as it says, and tells what is free', async () => {
  const queue = [2, 2, 1, 3]
  const asked: number[] = []
  let running = 0
  let most = 0
  const stop = new AbortController()
  const loop = claimLoop({
    capacity: 3,
    claim: async (free) => {
      asked.push(free)
      return (queue[0] ?? Infinity) <= free ? queue.shift() : undefined
    },
    slotsOf: (slots) => slots,
    work: async (slots) => {
      most = Math.max(most, (running += slots))
      await new Promise((resolve) => setImmediate(resolve))
      running -= slots
      if (queue.length === 0) stop.abort()
    },
    onError: unexpected,
  })
  await loop.run(stop.signal)
  await loop.idle()
  expect(most).toBe(3)
  expect(asked.slice(0, 2)).toEqual([3, 1])
  expect(loop.hasRoom).toBe(true)
})

test('claimLoop() goes on after a claim and a work that failed', async () => {
  const errors: unknown[] = []
  const stop = new AbortController()
  const claims: (() => Promise<number | undefined>)[] = [
    () => Promise.reject(new Error('database away')),
    async () => 1,
    async () => 2,
  ]
  const loop = claimLoop({
    capacity: 1,
    claim: async () => claims.shift()?.(),
    work: async (item) => {
      if (item === 1) throw new Error('work broke')
      stop.abort()
    },
    onError: (error) => {
      errors.push((error as Error).message)
      loop.wake()
    },
  })
  await loop.run(stop.signal)
  await loop.idle()
  expect(errors).toEqual(['database away', 'work broke'])
})

test('leaseKeeper() stops what was cancelled as cancelled and what is lost as lost', async () => {
  const [one, two] = [stopSwitch(), stopSwitch()]
  const keeper = leaseKeeper({ renew: async () => new Set(), cancelled: async () => ['a'], onError: unexpected })
  keeper.hold({ attemptId: 'a', claim: 1 }, one)
  const hold = keeper.hold({ attemptId: 'b', claim: 2 }, two)
  await keeper.wake()
  expect([one.cause, two.cause]).toEqual([{ kind: 'cancelled' }, undefined])
  expect(keeper.holds('b', 2)).toBe(true)
  hold.release()
  expect(keeper.holds('b', 2)).toBe(false)
})

test('leaseKeeper() keeps a newer claim of an attempt when an older one lets go', async () => {
  const [one, two] = [stopSwitch(), stopSwitch()]
  const keeper = leaseKeeper({ renew: async () => new Set(['a']), cancelled: async () => [], onError: unexpected })
  const older = keeper.hold({ attemptId: 'a', claim: 1 }, one)
  keeper.hold({ attemptId: 'a', claim: 2 }, two)
  expect([one.cause, two.cause]).toEqual([{ kind: 'lease-lost' }, undefined])
  older.release()
  expect([keeper.holds('a', 1), keeper.holds('a', 2)]).toEqual([false, true])
})

test('leaseKeeper() stops what was claimed while everything was stopped', () => {
  const late = stopSwitch()
  const keeper = leaseKeeper({ renew: async () => new Set(), cancelled: async () => [], onError: unexpected })
  keeper.stopAll({ kind: 'shutdown' })
  keeper.hold({ attemptId: 'a', claim: 1 }, late)
  expect(late.cause).toEqual({ kind: 'shutdown' })
})

test('leaseKeeper() stops its work before the lease ends when the database is away', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const stop = stopSwitch()
    const away = () => Promise.reject(new Error('away'))
    const end = new AbortController()
    const keeper = leaseKeeper({ renew: away, cancelled: away, onError: () => undefined })
    keeper.hold({ attemptId: 'a', claim: 1 }, stop)
    const running = keeper.run(end.signal)
    vi.advanceTimersByTime(23_000)
    await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }))
    expect(stop.cause).toEqual({ kind: 'lease-lost' })
    end.abort()
    await running
  } finally {
    vi.useRealTimers()
  }
})

test('retryDatabase() tries again while connections are lost, not when a query is wrong', async () => {
  const lost = Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })
  let tries = 0
  const work = async () => {
    if (++tries < 3) throw new Error('Failed query', { cause: lost })
    return 'written'
  }
  expect(await retryDatabase(work, AbortSignal.timeout(30_000))).toBe('written')
  const wrong = Object.assign(new Error('syntax'), { code: '42601' })
  await expect(retryDatabase(() => Promise.reject(wrong), AbortSignal.timeout(30_000))).rejects.toBe(wrong)
})
