import { setTimeout as delay } from 'node:timers/promises'
import type { EventJson } from '../api/schemas/task.ts'
import { CliError } from './errors.ts'
import { readSse } from './sse.ts'

const SECOND = 1000

export type FollowOptions = {
  /** Opens the stream of events after a number. */
  open: (after: number, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>
  after?: number
  /** How long nothing may be heard of the server before the follower gives up. */
  patienceMs?: number
  /** A server that says nothing for this long, not even a heartbeat, is asked again. */
  silenceMs?: number
  retryMs?: number
}

/**
 * The events of a task, each once and in order, until the task has ended. Comes back after a lost connection and goes on
 * after the last number it saw. Rejects when the server refuses, or stays away longer than the patience.
 */
export async function* followEvents(options: FollowOptions, signal: AbortSignal): AsyncGenerator<EventJson> {
  const { patienceMs = 60 * SECOND, silenceMs = 45 * SECOND, retryMs = SECOND } = options
  let after = options.after ?? 0
  let heardAt = performance.now()
  for (;;) {
    const silence = watchSilence(silenceMs, signal)
    try {
      const body = await options.open(after, silence.signal)
      const heard = () => {
        silence.heard()
        heardAt = performance.now()
      }
      for await (const message of readSse(body, heard)) {
        if (message.event === 'end') return
        const event = JSON.parse(message.data) as EventJson
        if (event.seq <= after) continue
        after = event.seq
        yield event
      }
    } catch (error) {
      if (signal.aborted || isFinal(error) || performance.now() - heardAt > patienceMs) throw error
    } finally {
      silence.stop()
    }
    await delay(retryMs, undefined, { signal })
  }
}

/** A refusal stays one; a server that is away or in trouble may come back. */
function isFinal(error: unknown): boolean {
  if (error instanceof SyntaxError) return true
  return error instanceof CliError && !['server-unreachable', 'internal', 'database-unavailable'].includes(error.code)
}

function watchSilence(silenceMs: number, outer: AbortSignal) {
  const own = new AbortController()
  const timer = setTimeout(() => own.abort(), silenceMs)
  return {
    signal: AbortSignal.any([outer, own.signal]),
    heard: () => void timer.refresh(),
    stop: () => {
      clearTimeout(timer)
      own.abort()
    },
  }
}
