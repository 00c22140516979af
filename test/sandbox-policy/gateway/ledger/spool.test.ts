import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { headJson, tailJson } from '../../../../sandbox-policy/gateway/ledger/line.ts'
import { SEGMENT_CALLS } from '../../../../sandbox-policy/gateway/ledger/segment-file.ts'
import { Spool, type SpoolOptions } from '../../../../sandbox-policy/gateway/ledger/spool.ts'
import { LedgerFailed } from '../../../../sandbox-policy/gateway/session.ts'

let folder: string
let states: (string | undefined)[]
let waiting: ((state: string | undefined) => void)[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-spool-'))
  states = []
  waiting = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const options = (more: Partial<SpoolOptions> = {}): SpoolOptions => ({
  folder,
  maxBytes: 1024 * 1024,
  segmentBytes: 4096,
  freeBytes: 0,
  syncMs: 5,
  onState: (state) => {
    states.push(state)
    for (const resolve of waiting.splice(0)) resolve(state)
  },
  ...more,
})
const nextState = () => new Promise<string | undefined>((resolve) => waiting.push(resolve))

function members(sandbox: string, path = '/'): string {
  const at = '2026-11-23T02:00:00.000Z'
  const head = { at, sandbox, attempt: null, phase: 'agent', layer: 'http', asked: null, host: null } as const
  const rest = { port: null, address: null, method: 'GET', path, verdict: 'allow', rule: null } as const
  const tail = { reason: null, status: null, bytesUp: 0, bytesDown: 0, ms: null, policyVersion: 1 }
  return `${headJson({ ...head, ...rest })},${tailJson(tail)}`
}

type Line = { position: number; record: { seq: number; sandbox: string; path: string } }
const linesOf = (bytes: Buffer) =>
  bytes
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)

/** Reads until it has a position. */
async function readTo(spool: Spool, last: number, after = 0): Promise<Line[]> {
  const lines: Line[] = []
  const done = new AbortController()
  for await (const chunk of spool.read(after, done.signal)) {
    lines.push(...linesOf(chunk))
    if ((lines.at(-1)?.position ?? 0) >= last) done.abort()
  }
  return lines
}

const positions = (lines: Line[]) => lines.map(({ position }) => position)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const files = () => readdirSync(folder).sort()
const onDisk = () => files().flatMap((name) => linesOf(readFileSync(join(folder, name))))

test('open() resolves with seqs that count per sandbox, and the lines are in the file', async () => {
  await using spool = new Spool(options())
  const [a, b] = [spool.counterOf('a', 0), spool.counterOf('b', 7)]
  const seqs = await Promise.all([a, b, a, a, b].map((counter) => spool.open(counter, members('x'))))
  expect(seqs).toEqual([1, 8, 2, 3, 9])
  expect(positions(onDisk())).toEqual([1, 2, 3, 4, 5])
})

test('open() writes what arrives in one tick with one system call', async () => {
  let writes = 0
  const write: typeof SEGMENT_CALLS.write = (...call) => {
    writes++
    return SEGMENT_CALLS.write(...call)
  }
  await using spool = new Spool(options({ calls: { ...SEGMENT_CALLS, write } }))
  const counter = spool.counterOf('a', 0)
  await Promise.all(range(1, 500).map(() => spool.open(counter, members('a'))))
  expect(writes).toBe(1)
})

test('open() goes on through short writes', async () => {
  const write: typeof SEGMENT_CALLS.write = (fd, bytes, at) => SEGMENT_CALLS.write(fd, bytes.subarray(0, 100), at)
  await using spool = new Spool(options({ calls: { ...SEGMENT_CALLS, write } }))
  await Promise.all(range(1, 9).map(() => spool.open(spool.counterOf('a', 0), members('a'))))
  expect(positions(onDisk())).toEqual(range(1, 9))
})

test('Spool() keeps every whole line and cuts a torn one, at whatever byte the last lines end', async () => {
  {
    await using spool = new Spool(options({ segmentBytes: 1e6 }))
    for (const path of ['/1', '/2', '/3']) await spool.open(spool.counterOf('a', 0), members('a', path))
  }
  const [name = ''] = files()
  const whole = readFileSync(join(folder, name))
  const starts = [0, whole.indexOf('\n') + 1, whole.lastIndexOf('\n', whole.length - 2) + 1]
  for (let length = starts[1] ?? 0; length <= whole.length; length++) {
    writeFileSync(join(folder, name), whole)
    truncateSync(join(folder, name), length)
    const kept = length === whole.length ? 3 : length >= (starts[2] ?? 0) ? 2 : 1
    await using spool = new Spool(options({ segmentBytes: 1e6 }))
    expect(spool.lastPosition).toBe(kept)
    expect(await spool.open(spool.counterOf('a', 0), members('a', '/next'))).toBe(kept + 1)
    expect(positions(onDisk())).toEqual(range(1, kept + 1))
    expect(onDisk().map(({ record }) => record.path)).toEqual(['/1', '/2', '/3'].slice(0, kept).concat('/next'))
  }
})

test.each([
  ['empty blocks of a lost machine', Buffer.alloc(5000)],
  ['a line of another position', Buffer.from(`{"position":99,"record":{"seq":1,${members('a')}}}\n`)],
  ['text', Buffer.from('{}\n{"position":4}\n')],
  ['a whole line, then a torn one', Buffer.from('{"position":4,"record":{"seq":4,"at":"2026')],
])('Spool() cuts %s after the last good line', async (_, rubbish) => {
  {
    await using spool = new Spool(options())
    for (let count = 0; count < 3; count++) await spool.open(spool.counterOf('a', 0), members('a'))
  }
  appendFileSync(join(folder, files()[0] ?? ''), rubbish)
  await using spool = new Spool(options())
  expect(spool.lastPosition).toBe(3)
  expect(positions(await readTo(spool, 3))).toEqual([1, 2, 3])
})

test('counterOf() goes on after a restart, after the larger of what either side has', async () => {
  {
    await using spool = new Spool(options())
    for (let count = 0; count < 50; count++) await spool.open(spool.counterOf('a', 0), members('a'))
    await spool.open(spool.counterOf('b', 0), members('b'))
  }
  await using spool = new Spool(options())
  expect(spool.lastPosition).toBe(51)
  expect(spool.counterOf('a', 20)).toEqual({ last: 50 })
  expect(spool.counterOf('b', 20)).toEqual({ last: 20 })
  expect(spool.counterOf('c', 0)).toEqual({ last: 0 })
  await spool.open(spool.counterOf('a', 0), members('a'))
  expect(onDisk().at(-1)).toMatchObject({ position: 52, record: { seq: 51 } })
})

test('acknowledge() deletes the segments that are behind it, and positions go on after a restart', async () => {
  {
    await using spool = new Spool(options({ segmentBytes: 1000 }))
    for (let count = 0; count < 40; count++) await spool.open(spool.counterOf('a', 0), members('a'))
    const before = files().length
    expect(before).toBeGreaterThan(4)
    spool.acknowledge(1_000_000)
    expect(files()).toHaveLength(before)
    spool.acknowledge(20)
    expect(onDisk()[0]?.position).toBeLessThanOrEqual(21)
    expect(onDisk()[0]?.position).toBeGreaterThan(10)
    spool.acknowledge(40)
    expect(files()).toHaveLength(1)
  }
  await using spool = new Spool(options())
  expect(spool.lastPosition).toBe(40)
  expect(positions(await readTo(spool, 40)).at(-1)).toBe(40)
})

test('forget() keeps a counter until the runner has the records', async () => {
  await using spool = new Spool(options())
  await spool.open(spool.counterOf('a', 0), members('a'))
  spool.forget('a')
  expect(spool.counterOf('a', 0).last).toBe(1)
  spool.forget('a')
  spool.acknowledge(1)
  expect(spool.counterOf('a', 0).last).toBe(0)
})

test('read() gives every position once and in order, over segments, from any point, while it is written', async () => {
  await using spool = new Spool(options({ segmentBytes: 2000 }))
  const counter = spool.counterOf('a', 0)
  const readers = [0, 1, 17, 299].map((after) => readTo(spool, 600, after))
  for (let round = 0; round < 100; round++) {
    await Promise.all(range(1, 6).map(() => spool.open(counter, members('a', `/${round}`))))
  }
  const late = readTo(spool, 600, 350)
  const all = await Promise.all(readers)
  // A position that is not there yet when the reader comes is of a spool that is lost: it gets everything.
  expect(all.map(positions)).toEqual([range(1, 600), range(1, 600), range(1, 600), range(1, 600)])
  expect(positions(await late)).toEqual(range(351, 600))
})

test('read() skips what is acknowledged meanwhile and ends with its signal', async () => {
  await using spool = new Spool(options({ segmentBytes: 1000 }))
  for (let count = 0; count < 40; count++) await spool.open(spool.counterOf('a', 0), members('a'))
  spool.acknowledge(20)
  const seen = positions(await readTo(spool, 40))
  expect(seen).toEqual(range(seen[0] ?? 0, 40))
  const ended = new AbortController()
  const next = spool.read(40, ended.signal).next()
  ended.abort()
  expect(await next).toEqual({ done: true, value: undefined })
})

test('complete() adds a second line of the same seq', async () => {
  await using spool = new Spool(options())
  const seq = await spool.open(spool.counterOf('a', 0), members('a', '/open'))
  spool.complete(seq, members('a', '/over'))
  await spool.flush()
  expect(onDisk().map(({ position, record }) => [position, record.seq, record.path])).toEqual([
    [1, 1, '/open'],
    [2, 1, '/over'],
  ])
})

test('open() fails on a full disk, uses up no seq, keeps completions, and works again with room', async () => {
  let full = false
  const write: typeof SEGMENT_CALLS.write = (fd, bytes, at) => {
    if (!full) return SEGMENT_CALLS.write(fd, bytes, at)
    // The beginning still fits, as on a real disk.
    SEGMENT_CALLS.write(fd, bytes.subarray(0, 300), at)
    throw new Error('ENOSPC: no space left on device, write')
  }
  await using spool = new Spool(options({ calls: { ...SEGMENT_CALLS, write } }))
  const counter = spool.counterOf('a', 0)
  expect(await spool.open(counter, members('a'))).toBe(1)
  full = true
  const failed = await Promise.allSettled([1, 2, 3].map(() => spool.open(counter, members('a'))))
  expect(failed.map((each) => each.status === 'rejected' && each.reason instanceof LedgerFailed)).toEqual([
    true,
    true,
    true,
  ])
  spool.complete(1, members('a', '/over'))
  await expect(spool.open(counter, members('a'))).rejects.toThrow(/ENOSPC/)
  expect(spool.fault).toMatch(/ENOSPC/)
  expect(positions(onDisk())).toEqual([1])
  const recovered = nextState()
  full = false
  await recovered
  expect(states).toEqual([expect.stringMatching(/ENOSPC/), undefined])
  expect(await spool.open(counter, members('a'))).toBe(2)
  expect(onDisk().map(({ record }) => [record.seq, record.path])).toEqual([
    [1, '/'],
    [1, '/over'],
    [2, '/'],
  ])
})

test('open() fails when the runner takes nothing, and works again when it does', async () => {
  await using spool = new Spool(options({ maxBytes: 20_000, segmentBytes: 2000 }))
  const counter = spool.counterOf('a', 0)
  const fill = async () => {
    for (;;) await spool.open(counter, members('a'))
  }
  await expect(fill()).rejects.toThrow(LedgerFailed)
  const last = spool.lastPosition
  expect(last).toBeGreaterThan(30)
  // What is open may still be completed.
  spool.complete(last, members('a', '/over'))
  await spool.flush()
  expect(onDisk().at(-1)?.record).toMatchObject({ seq: last, path: '/over' })
  spool.acknowledge(last)
  expect(await spool.open(counter, members('a'))).toBe(last + 1)
  expect(states).toEqual([expect.stringMatching(/20000 bytes/), undefined])
})

test('open() fails while what was written cannot be made safe, and goes on in another segment', async () => {
  let broken = false
  const sync: typeof SEGMENT_CALLS.sync = (fd) => (broken ? Promise.reject(new Error('EIO')) : SEGMENT_CALLS.sync(fd))
  await using spool = new Spool(options({ calls: { ...SEGMENT_CALLS, sync } }))
  const counter = spool.counterOf('a', 0)
  await spool.open(counter, members('a'))
  broken = true
  await spool.flush()
  await expect(spool.open(counter, members('a'))).rejects.toThrow(/EIO/)
  broken = false
  await spool.flush()
  expect(await spool.open(counter, members('a'))).toBe(2)
  expect(files()).toHaveLength(2)
  expect(positions(await readTo(spool, 2))).toEqual([1, 2])
})

test('open() fails below the floor of free space', async () => {
  await using spool = new Spool(options({ freeBytes: Number.MAX_SAFE_INTEGER }))
  await spool.flush()
  await expect(spool.open(spool.counterOf('a', 0), members('a'))).rejects.toThrow(/less than/)
})

test('open() fails once the spool is closed', async () => {
  const spool = new Spool(options())
  const counter = spool.counterOf('a', 0)
  const last = spool.open(counter, members('a'))
  await spool[Symbol.asyncDispose]()
  expect(await last).toBe(1)
  await expect(spool.open(counter, members('a'))).rejects.toThrow(LedgerFailed)
})
