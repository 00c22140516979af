import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { untilAborted } from './aborted.ts'
import { execBody } from './container-body.ts'
import { createDemux } from './demux.ts'
import type { EngineCalls } from './engine-calls.ts'
import type { ExecGate } from './exec-gate.ts'
import type { ExecResult, ExecSpec } from './sandbox.ts'

/** How long a stream may be silent before the engine is asked whether its process still lives. */
const SILENCE_MS = 1000
const LONGEST_POLL_MS = 250

type Where = { calls: EngineCalls; container: string; gate: ExecGate }

/** Runs one command in a container. Contract: `Sandbox.exec`. */
export async function runExec(where: Where, spec: ExecSpec, signal: AbortSignal): Promise<ExecResult> {
  const { calls } = where
  signal.throwIfAborted()
  const started = await untilAborted(start(where, spec, signal), signal, (late) => late?.socket.destroy())
  if (started === undefined) return { code: null }
  const { exec, socket } = started

  // The stream's own errors surface where it is read; without a listener a reset would end the server.
  socket.on('error', () => {})
  try {
    const feeding = spec.stdin === undefined ? undefined : feed(socket, spec.stdin)
    const draining = drain(socket, spec, () => ended(calls, exec))
    // A failing source must not look like a complete one: it rejects the command. A sated source says nothing.
    await untilAborted(Promise.race([draining, ...(feeding ? [failureOf(feeding)] : [])]), signal)
    return { code: await untilAborted(exitCode(calls, exec, signal), signal) }
  } finally {
    socket.destroy()
  }
}

/** Goes on after an abort until the command runs or is none, so that no freeze meets it half-way. */
async function start(
  { calls, container, gate }: Where,
  spec: ExecSpec,
  signal: AbortSignal,
): Promise<{ exec: string; socket: Duplex } | undefined> {
  const leave = await gate.enter()
  let begun: Promise<void> | undefined
  try {
    signal.throwIfAborted()
    const exec = await calls.execCreate(container, execBody(spec))
    if (exec === undefined) return undefined
    signal.throwIfAborted()
    const socket = await calls.execStart(exec, { stdin: spec.stdin !== undefined })
    if (socket === undefined) return undefined
    begun = untilBegun(calls, exec)
    return { exec, socket }
  } finally {
    void (begun ?? Promise.resolve()).finally(leave)
  }
}

/** The engine opens the stream before it starts the process. Never rejects. */
async function untilBegun(calls: EngineCalls, exec: string): Promise<void> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, LONGEST_POLL_MS)) {
    const state = await calls.execInspect(exec).catch(() => undefined)
    if (state === undefined || state.begun) return
    await delay(pauseMs)
  }
}

/**
 * Hands output on until the stream ends. A background child keeps the stream open after its parent ended, so silence
 * makes it ask. The engine may tell of the end before it has passed on what was written until then: only a silence
 * after the news of the end cuts the stream.
 */
async function drain(socket: Duplex, spec: ExecSpec, hasEnded: () => Promise<boolean>): Promise<void> {
  const demux = createDemux()
  let silentSince = Date.now()
  let busy = false
  let end = false
  let cut = false
  const timer = setInterval(() => {
    if (busy || Date.now() - silentSince < SILENCE_MS) return
    if (end) {
      cut = true
      return socket.destroy()
    }
    busy = true
    void hasEnded()
      .then((known) => {
        end = known
        if (end) silentSince = Date.now()
      })
      .finally(() => (busy = false))
  }, SILENCE_MS / 4)
  try {
    for await (const data of socket) {
      busy = true
      for (const { stream, chunk } of demux(data as Buffer)) await spec.onOutput?.(stream, chunk)
      silentSince = Date.now()
      busy = false
    }
  } catch (error) {
    if (!cut && !isReset(error)) throw error
  } finally {
    clearInterval(timer)
  }
}

/** The engine or the container went away under the stream; the exit code says what that means. */
function isReset(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code)
}

async function ended(calls: EngineCalls, exec: string): Promise<boolean> {
  const state = await calls.execInspect(exec).catch(() => ({ begun: false, running: true }))
  // On a busy machine it may be seconds until the process is there.
  return state === undefined || (state.begun && !state.running)
}

/** The end of output is not the end of the process: it may have closed its output, or the engine may be a moment behind. */
async function exitCode(calls: EngineCalls, exec: string, signal: AbortSignal): Promise<number | null> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, LONGEST_POLL_MS)) {
    const state = await calls.execInspect(exec)
    if (state === undefined) return null
    if (state.begun && !state.running) return state.exitCode
    await delay(pauseMs, undefined, { signal })
  }
}

async function feed(socket: Duplex, source: NonNullable<ExecSpec['stdin']>): Promise<void> {
  const closed = new AbortController()
  socket.once('close', () => closed.abort())
  const chunks = source instanceof Uint8Array ? [source] : source
  for await (const chunk of chunks) {
    if (socket.destroyed) return
    // A command that ends without reading its input is no error; the write then fails or never drains.
    if (!socket.write(chunk)) await once(socket, 'drain', { signal: closed.signal }).catch(() => {})
  }
  socket.end()
}

function failureOf(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    work.catch(reject)
  })
}
