import { expect, test } from 'vitest'
import { EventFeed } from '../../api/event-feed.ts'

const events = (from: number, to: number, json = '{}') =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ seq: from + i, json }))
const read = (from: number, to: number, ended = false) => ({ taskId: 't', ended, events: events(from, to) })
const idsOf = (bytes: Uint8Array) =>
  [
    ...Buffer.from(bytes)
      .toString()
      .matchAll(/^id: (\d+)$/gm),
  ].map((m) => Number(m[1]))

test('EventFeed.step() waits, then gives each follower what it has not had', () => {
  const feed = new EventFeed('t', 10)
  expect(feed.step(10)).toEqual({ kind: 'wait' })
  feed.add(read(11, 13), false)
  const fresh = feed.step(10)
  expect(fresh.kind === 'chunk' && [idsOf(fresh.bytes), fresh.last]).toEqual([[11, 12, 13], 13])
  const late = feed.step(12)
  expect(late.kind === 'chunk' && idsOf(late.bytes)).toEqual([13])
  expect(feed.step(13)).toEqual({ kind: 'wait' })
})

test('EventFeed.step() encodes a chunk once for all who are up to date', () => {
  const feed = new EventFeed('t', 0)
  feed.add(read(1, 5), false)
  const [first, second] = [feed.step(0), feed.step(0)]
  expect(first.kind === 'chunk' && second.kind === 'chunk' && first.bytes === second.bytes).toBe(true)
})

test('EventFeed.step() keeps few encoded chunks, from however many places it is asked', () => {
  const feed = new EventFeed('t', 0)
  feed.add(read(1, 500), false)
  const first = feed.step(0)
  for (let cursor = 1; cursor < 500; cursor++) feed.step(cursor)
  const again = feed.step(0)
  expect(first.kind === 'chunk' && again.kind === 'chunk' && first.bytes !== again.bytes).toBe(true)
})

test('EventFeed.step() says behind before the window, and never skips', () => {
  const feed = new EventFeed('t', 10)
  feed.add(read(11, 12), false)
  expect(feed.step(9)).toEqual({ kind: 'behind' })
  expect(feed.step(0)).toEqual({ kind: 'behind' })
})

test('EventFeed.add() bounds the window by number and by size', () => {
  const many = new EventFeed('t', 0)
  for (let i = 0; i < 20; i++) many.add(read(i * 500 + 1, i * 500 + 500), false)
  expect(many.step(0).kind).toBe('behind')
  expect(many.step(10_000 - 4000).kind).toBe('chunk')
  expect(many.step(10_000 - 4001).kind).toBe('behind')
  const large = new EventFeed('t', 0)
  large.add({ taskId: 't', ended: false, events: events(1, 10, `"${'x'.repeat(300_000)}"`) }, false)
  const firstKept = Array.from({ length: 10 }, (_, i) => i).find((cursor) => large.step(cursor).kind === 'chunk')
  expect(firstKept).toBe(4)
})

test('EventFeed.add() ignores what it has, so that overlapping reads do not repeat', () => {
  const feed = new EventFeed('t', 0)
  feed.add(read(1, 3), false)
  feed.add(read(2, 5), false)
  const step = feed.step(0)
  expect(step.kind === 'chunk' && idsOf(step.bytes)).toEqual([1, 2, 3, 4, 5])
})

test('EventFeed.step() ends only when the task ended and the last read was complete', () => {
  const feed = new EventFeed('t', 0)
  feed.add(read(1, 2, true), true)
  expect(feed.step(2)).toEqual({ kind: 'wait' })
  feed.add(read(3, 3, true), false)
  expect(feed.step(2).kind).toBe('chunk')
  expect(feed.step(3)).toEqual({ kind: 'ended' })
  feed.join()
  expect(feed.step(3)).toEqual({ kind: 'wait' })
})

test('EventFeed.changed() resolves on news, on abort and after its time', async () => {
  const feed = new EventFeed('t', 0)
  const never = new AbortController().signal
  const waiting = feed.changed(60_000, never)
  feed.add(read(1, 1), false)
  expect(await waiting).toBe('changed')
  expect(await feed.changed(1, never)).toBe('timeout')
  const gone = new AbortController()
  const aborted = feed.changed(60_000, gone.signal)
  gone.abort()
  expect(await aborted).toBe('changed')
  expect(await feed.changed(60_000, AbortSignal.abort())).toBe('changed')
})
