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

/** A command whose stream is at hand, under a clock that moves by hand. */
async function underClock(
  execInspect: EngineCalls['execInspect'],
  work: (running: ReturnType<typeof runExec>, stream: PassThrough) => Promise<void>,
): Promise<string[]> {
  const stream = new PassThrough()
  const calls = { execCreate: async () => 'exec', execStart: async () => stream, execInspect } as unknown as EngineCalls
  const said: string[] = []
  const onOutput = (_: string, chunk: Buffer) => void said.push(chunk.toString())
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  try {
    await work(runExec({ calls, container: 'c', gate: new ExecGate(60_000) }, { ...SPEC, onOutput }, NEVER), stream)
  } finally {
    vi.useRealTimers()
  }
  return said
}

const LATE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 4, ...Buffer.from('late')])
const seconds = async (count: number) => {
  for (let i = 0; i < count; i++) await vi.advanceTimersByTimeAsync(1000)
}

test('runExec() waits for a process that is long in coming, and has all that it says', async () => {
  let begun = false
  const inspect = async () => ({ begun, running: false, exitCode: begun ? 3 : null })
  const said = await underClock(inspect, async (running, stream) => {
    // Longer than a stream may be silent before it is asked whether its process has ended.
    await seconds(5)
    begun = true
    stream.end(LATE)
    expect(await running).toEqual({ code: 3 })
  })
  expect(said).toEqual(['late'])
})

test('runExec() has what comes after the news of the end, and cuts a stream that says nothing more', async () => {
  const inspect = async () => ({ begun: true, running: false, exitCode: 3 })
  const said = await underClock(inspect, async (running, stream) => {
    // The first look at the exec is over: from here on it is known to have ended, and had said nothing.
    await vi.advanceTimersByTimeAsync(1250)
    stream.write(LATE)
    // A background child keeps the stream open.
    await seconds(3)
    expect(await running).toEqual({ code: 3 })
  })
  expect(said).toEqual(['late'])
})
