import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EngineCalls } from '../../../runner/sandbox/engine-calls.ts'
import { findBy } from '../../../runner/sandbox/find.ts'
import type { Find } from '../../../runner/sandbox/find.ts'
import type { Breach } from '../../../runner/sandbox/sandbox.ts'
import { LimitWatch, type Watched } from '../../../runner/sandbox/watch.ts'

const find = findBy()
const LIMITS = { disk: { bytes: 1000, files: 10 }, pids: 100 }

/** An engine on another machine, of which only the questions of the watch are answered. */
function remote(answers: Partial<EngineCalls>): EngineCalls {
  const facts = { running: true, exitCode: 0, outOfMemory: false, pid: 1, upperDir: undefined, volumeDirs: [] }
  const quiet: Partial<EngineCalls> = {
    inspect: async () => facts,
    processes: async () => 1,
    layerBytes: async () => 0,
    outOfMemoryEvents: () => new Promise(() => {}),
  }
  return { ...quiet, ...answers } as EngineCalls
}

function watched(container: string, breaches: Breach[]): Watched {
  return { container, host: undefined, folders: [], limits: LIMITS, onBreach: (breach) => breaches.push(breach) }
}

describe('LimitWatch', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each([
    ['disk-full', { layerBytes: async () => 1001 }],
    ['too-many-processes', { processes: async () => 100 }],
    ['out-of-memory', { outOfMemoryEvents: async (onEvent: (container: string) => void) => onEvent('a') }],
  ] as [Breach, Partial<EngineCalls>][])('reports %s of the sandbox that it is about', async (breach, answers) => {
    const watch = new LimitWatch(remote(answers), { freeFloorBytes: 0, find })
    const breaches: Breach[] = []
    watch.add(watched('a', breaches))
    await vi.advanceTimersByTimeAsync(3000)
    watch.stop()
    expect(new Set(breaches)).toEqual(new Set([breach]))
  })

  test('stops sandboxes whose folders it cannot see when the disk of another folder has no room left', async () => {
    const watch = new LimitWatch(remote({}), { freeFloorBytes: Number.MAX_SAFE_INTEGER, diskFolder: '/', find })
    const breaches: Breach[] = []
    watch.add(watched('a', breaches))
    await vi.waitFor(() => expect(breaches).toContain('disk-full'))
    watch.stop()
  })

  test('asks an engine that hangs once, not with every tick', async () => {
    const inspect = vi.fn(() => new Promise<never>(() => {}))
    const layerBytes = vi.fn(() => new Promise<never>(() => {}))
    const watch = new LimitWatch(remote({ inspect, layerBytes }), { freeFloorBytes: 0, find })
    watch.add(watched('a', []))
    await vi.advanceTimersByTimeAsync(60_000)
    watch.stop()
    expect([inspect.mock.calls.length, layerBytes.mock.calls.length]).toEqual([1, 1])
  })

  test('follows the engine again when the stream of events breaks', async () => {
    let connections = 0
    const breaches: Breach[] = []
    const outOfMemoryEvents: EngineCalls['outOfMemoryEvents'] = async (onEvent) => {
      if (++connections < 3) throw new Error('reset')
      onEvent('a')
    }
    const watch = new LimitWatch(remote({ outOfMemoryEvents }), { freeFloorBytes: 0, find })
    // Timers of node:timers/promises are real.
    vi.useRealTimers()
    watch.add(watched('a', breaches))
    await expect.poll(() => breaches[0]).toBe('out-of-memory')
    watch.stop()
    expect(connections).toBe(3)
  })

  test('stops asking when the last sandbox is gone', async () => {
    const inspect = vi.fn(async () => undefined)
    const watch = new LimitWatch(remote({ inspect }), { freeFloorBytes: 0, find })
    watch.add(watched('a', []))
    await vi.advanceTimersByTimeAsync(600)
    watch.remove('a')
    const asked = inspect.mock.calls.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked).toBeGreaterThan(0)
    expect(inspect.mock.calls.length).toBe(asked)
    expect(vi.getTimerCount()).toBe(0)
  })

  test.skipIf(process.getuid?.() !== 0)('walks a sandbox again only when something of it has run since', async () => {
    vi.useRealTimers()
    const cpu = ['1', '1', '1', '2', '2']
    const host = {
      ...{ counters: async () => ({ oomKills: 0, forksRefused: 0 }), cpuTime: async () => cpu.shift() },
      ...{ pids: async () => [], unlinkedBytes: async () => 0, freezer: undefined },
    }
    const walks = vi.fn<Find>(async () => ({ output: Buffer.from('8\n'), isCut: false }))
    const watch = new LimitWatch(remote({}), { freeFloorBytes: 0, find: walks })
    watch.add({ ...watched('a', []), host, folders: ['/tmp'] })
    const seen: number[] = []
    for (let i = 0; i < 5; i++) {
      await watch.check('a')
      seen.push(walks.mock.calls.length)
    }
    expect(seen).toEqual([1, 1, 1, 2, 2])
    // Where it cannot be told whether something ran, it is looked at.
    await watch.check('a')
    expect(walks).toHaveBeenCalledTimes(3)
    walks.mockRejectedValueOnce(new Error('lost'))
    cpu.push('3', '3')
    await watch.check('a')
    await watch.check('a')
    expect(walks).toHaveBeenCalledTimes(5)
    watch.stop()
  })
})
