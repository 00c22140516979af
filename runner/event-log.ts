import { hasCode } from '../domain/errors.ts'
import { CAPS } from '../domain/environments/limits.ts'
import type { NewEvent } from '../domain/tasks/append-events.ts'
import type { Phase } from '../domain/tasks/attempt.ts'
import type { Mask } from './secrets/mask.ts'

/** Kinds that a sandbox can write without bound. */
const BULK = new Set(['output', 'message', 'reasoning', 'command', 'tool', 'todo', 'files', 'raw'])
const SECOND = 1000
/** What comes now and then is stored nearly at once; in a steady stream one statement takes many lines. */
const FLUSH_MS = { quick: 1, steady: 100 }
/** So many flushes within a second make a stream steady. */
const QUICK_FLUSHES = 15
const MAX_BATCH = 500
/** Writers wait while this many events are on their way to the database. */
const MAX_PENDING = 2000
/** What an event takes beside its payload: an empty line is a row, too. */
const ROW_BYTES = 128

export type EventLog = AsyncDisposable & {
  /** Adds an event. Resolves when there is room for more, so that a fast writer is held back. */
  write: (phase: Phase, kind: string, payload: Record<string, unknown>) => Promise<void>
  /** Resolves when all that was written is stored; rejects when it cannot be. */
  flush: () => Promise<void>
}

export type EventLogDeps = {
  /** Hides secrets from every event. */
  mask: Mask
  append: (events: readonly NewEvent[]) => Promise<void>
  /** Called once when nothing more can be written: the attempt is no longer ours, or the database refuses. */
  onLost: (error: unknown) => void
}

/** The live log of one attempt: ordered, batched, capped. After the cap it keeps everything but output. */
export function openEventLog({ mask, append, onLost }: EventLogDeps): EventLog {
  let pending: NewEvent[] = []
  let bytes = 0
  let capped = false
  let lost = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  const flushedAt: number[] = []

  async function drain() {
    while (pending.length > 0 && !lost) {
      const batch = pending.slice(0, MAX_BATCH)
      try {
        await append(batch)
      } catch (error) {
        lost = true
        pending = []
        onLost(error)
        if (!hasCode(error, 'stale-fence')) throw error
        return
      }
      pending.splice(0, batch.length)
    }
  }

  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    while (running) await running
    running = drain().finally(() => {
      running = undefined
      flushedAt.push(performance.now())
      if (flushedAt.length > QUICK_FLUSHES) flushedAt.shift()
    })
    await running
  }

  const schedule = () => {
    const isSteady = flushedAt.length === QUICK_FLUSHES && performance.now() - (flushedAt[0] ?? 0) < SECOND
    timer ??= setTimeout(
      () => {
        timer = undefined
        // A failed flush has already called `onLost`; the story ends with that cause.
        if (!running) flush().catch(() => undefined)
        else schedule()
      },
      isSteady ? FLUSH_MS.steady : FLUSH_MS.quick,
    )
  }

  const masked = maskEvents(mask)

  const admit = (unmasked: NewEvent): NewEvent | undefined => {
    const isBulk = BULK.has(unmasked.kind)
    if (isBulk && capped) return undefined
    const event = masked(unmasked)
    if (!isBulk) return event
    bytes += Buffer.byteLength(JSON.stringify(event.payload)) + ROW_BYTES
    if (bytes <= CAPS.logBytes) return event
    capped = true
    const message = `The log reached ${CAPS.logBytes / 1024 / 1024} MiB; further output is not kept`
    return { ...event, kind: 'notice', payload: { message } }
  }

  return {
    async write(phase, kind, payload) {
      const event = admit({ phase, kind, at: new Date(), payload })
      if (!event || lost) return
      pending.push(event)
      schedule()
      if (pending.length >= MAX_PENDING) await flush()
    },
    flush,
    async [Symbol.asyncDispose]() {
      await flush().catch(() => undefined)
    },
  }
}

/** Output is masked as the stream that it is, since a secret may go over the end of a line. */
function maskEvents(mask: Mask): (event: NewEvent) => NewEvent {
  const streams = new Map<string, ReturnType<Mask['lines']>>()
  return (event) => {
    const { phase, kind, payload } = event
    const { stream, text } = payload
    if (kind !== 'output' || typeof stream !== 'string' || typeof text !== 'string') {
      return { ...event, payload: mask.deep(payload) as NewEvent['payload'] }
    }
    const key = `${phase} ${stream}`
    const next = streams.get(key) ?? mask.lines()
    streams.set(key, next)
    return { ...event, payload: { ...payload, text: next(text) } }
  }
}
