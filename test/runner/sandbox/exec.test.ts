import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import type { EngineCalls } from '../../../runner/sandbox/engine-calls.ts'
import { ExecGate } from '../../../runner/sandbox/exec-gate.ts'
import { runExec } from '../../../runner/sandbox/exec.ts'
import { deferred } from '../../../runner/deferred.ts'

const NEVER = new AbortController().signal
const SPEC = { command: ['true'], user: 'agent' } as const

/** An engine that opens the stream of a command at once and starts its process when told to. */
function engineThatStarts(said: string[]) {
  let onOpen = () => {}
  const opened = new Promise<void>((resolve) => (onOpen = resolve))
  let begun = false
  const calls = {
    execCreate: async () => {
      said.push('create')
      return 'exec'
    },
    execStart: async () => {
      said.push('start')
      onOpen()
      return new PassThrough().end()
    },
    execInspect: async () => ({ begun, running: false, exitCode: begun ? 0 : null }),
  } as unknown as EngineCalls
  return { calls, opened, begin: () => void (begun = true) }
}

test('runExec() keeps a freeze waiting until the process is there, also when nobody waits for it any more', async () => {
  const said: string[] = []
  const engine = engineThatStarts(said)
  const gate = new ExecGate(60_000)
  const work = new AbortController()
  const running = runExec({ calls: engine.calls, container: 'c', gate }, SPEC, work.signal)
  await engine.opened
  const frozen = gate.freeze(async () => void said.push('freeze'))
  work.abort(new Error('cancelled'))
  await expect(running).rejects.toThrow('cancelled')
  expect(said).toEqual(['create', 'start'])
  said.push('begin')
  engine.begin()
  await frozen
  expect(said).toEqual(['create', 'start', 'begin', 'freeze'])
})

test('runExec() waits for the thaw; one that was aborted meanwhile starts nothing', async () => {
  const said: string[] = []
  const { calls, begin } = engineThatStarts(said)
  begin()
  const gate = new ExecGate(60_000)
  const thaw = deferred()
  const frozen = gate.freeze(() => thaw.promise)
  const work = new AbortController()
  const late = runExec({ calls, container: 'c', gate }, SPEC, work.signal)
  const later = runExec({ calls, container: 'c', gate }, SPEC, NEVER)
  work.abort(new Error('cancelled'))
  await expect(late).rejects.toThrow('cancelled')
  expect(said).toEqual([])
  thaw.resolve()
  await frozen
  await later
  expect(said).toEqual(['create', 'start'])
})

test('runExec() lets a freeze pass when there is no process to come', async () => {
  const calls = { execCreate: async () => undefined } as unknown as EngineCalls
  const gate = new ExecGate(60_000)
  expect(await runExec({ calls, container: 'c', gate }, SPEC, NEVER)).toEqual({ code: null })
  expect(await gate.freeze(async () => {})).toBe(true)
})

test('runExec() waits for a process that is long in coming, and has all that it says', async () => {
  const stream = new PassThrough()
  let begun = false
  const calls = {
    execCreate: async () => 'exec',
    execStart: async () => stream,
    execInspect: async () => ({ begun, running: false, exitCode: begun ? 3 : null }),
  } as unknown as EngineCalls
  const said: string[] = []
  const onOutput = (_: string, chunk: Buffer) => void said.push(chunk.toString())
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  try {
    const running = runExec({ calls, container: 'c', gate: new ExecGate(60_000) }, { ...SPEC, onOutput }, NEVER)
    // Longer than a stream may be silent before it is asked whether its process has ended.
    for (let seconds = 0; seconds < 5; seconds++) await vi.advanceTimersByTimeAsync(1000)
    begun = true
    stream.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 4, ...Buffer.from('late')]))
    expect(await running).toEqual({ code: 3 })
    expect(said).toEqual(['late'])
  } finally {
    vi.useRealTimers()
  }
})

test('runExec() has what comes after the news of the end, and cuts a stream that says nothing more', async () => {
  const stream = new PassThrough()
  const calls = {
    execCreate: async () => 'exec',
    execStart: async () => stream,
    execInspect: async () => ({ begun: true, running: false, exitCode: 3 }),
  } as unknown as EngineCalls
  const said: string[] = []
  const onOutput = (_: string, chunk: Buffer) => void said.push(chunk.toString())
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  try {
    const running = runExec({ calls, container: 'c', gate: new ExecGate(60_000) }, { ...SPEC, onOutput }, NEVER)
    // The first look at the exec is over: from here on it is known to have ended, and had said nothing.
    await vi.advanceTimersByTimeAsync(1250)
    stream.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 4, ...Buffer.from('late')]))
    // A background child keeps the stream open.
    for (let seconds = 0; seconds < 3; seconds++) await vi.advanceTimersByTimeAsync(1000)
    expect(await running).toEqual({ code: 3 })
    expect(said).toEqual(['late'])
  } finally {
    vi.useRealTimers()
  }
})
