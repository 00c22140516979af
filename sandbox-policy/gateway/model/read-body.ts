import { setTimeout } from 'node:timers/promises'
import { Lifeline } from './lifeline.ts'
import { Refusal } from './refusal.ts'

const MiB = 1024 * 1024
export const MAX_BODY = 32 * MiB

/** Bytes of bodies in memory: of all sandboxes, and of one. Their parsed form comes on top, some three times as much. */
const MAX_HELD = 384 * MiB
const MAX_HELD_BY_ONE = 64 * MiB
/** From the first byte to the last. */
const READ_TIMEOUT_MS = 120_000

/**
 * Checking a body takes the process about 20 ms a MiB, in which nothing else passes. So what one sandbox may have checked
 * is paced; agents send a few MiB at most, seldom more than once a second.
 */
const PACE = { bytesPerMs: (8 * MiB) / 1000, aheadMs: 4000 }

/** The one place of the gateway that buffers bodies (R12), bounded for all sandboxes together. */
export class BodyReader {
  readonly #held = new Map<string, number>()
  readonly #paidUntil = new Map<string, number>()
  #all = 0

  /** Rejects with Refusal, or as the body does. `release` when the bytes are no longer needed. */
  async read(
    body: AsyncIterable<Buffer>,
    { sandbox, length }: { sandbox: string; length: number | undefined },
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; release: () => void }> {
    const chunks: Buffer[] = []
    let size = 0
    const release = () => {
      this.#hold(sandbox, -size)
      size = 0
    }
    using lifeline = new Lifeline()
    lifeline.follow(signal)
    lifeline.after(
      READ_TIMEOUT_MS,
      () => new Refusal(408, 'body', 'The body of this model request did not come in time.'),
    )
    try {
      if (length !== undefined && length > MAX_BODY) throw tooLarge()
      for await (const chunk of until(body, lifeline.signal)) {
        chunks.push(chunk)
        size += chunk.length
        this.#hold(sandbox, chunk.length)
        if (size > MAX_BODY) throw tooLarge()
        if (this.#all > MAX_HELD || (this.#held.get(sandbox) ?? 0) > MAX_HELD_BY_ONE) {
          throw new Refusal(503, 'rate', 'Too many large model requests at once. Try again.')
        }
      }
      await this.#pace(sandbox, size, lifeline.signal)
      return { bytes: Buffer.concat(chunks), release }
    } catch (error) {
      release()
      throw error
    }
  }

  async #pace(sandbox: string, size: number, signal: AbortSignal): Promise<void> {
    const now = performance.now()
    for (const [id, until] of this.#paidUntil) if (until <= now) this.#paidUntil.delete(id)
    const until = Math.max(now, this.#paidUntil.get(sandbox) ?? now) + size / PACE.bytesPerMs
    this.#paidUntil.set(sandbox, until)
    const wait = until - now - PACE.aheadMs
    if (wait > 0) await setTimeout(wait, undefined, { signal }).catch(() => signal.throwIfAborted())
  }

  #hold(sandbox: string, bytes: number): void {
    this.#all += bytes
    const held = (this.#held.get(sandbox) ?? 0) + bytes
    if (held > 0) this.#held.set(sandbox, held)
    else this.#held.delete(sandbox)
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'body', `A model request may have at most ${MAX_BODY / MiB} MiB.`)
}

/** The same, ending with the signal's reason also while nothing comes. */
async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  aborted.catch(() => {})
  let ended = false
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Not awaited: a source that hangs also hangs in here.
    if (!ended) iterator.return?.().catch(() => {})
  }
}
