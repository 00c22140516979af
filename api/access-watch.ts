import type { Database } from '../domain/db.ts'
import type { Logger } from './logger.ts'

// Within 5 s nobody reads on who has lost the right (R24). What changes rights says so; the poll is for a token that ends by
// itself, and for a notification that was lost.
const POLL_MS = 2000
/** So many are asked for at once: the pool has other work, too. */
const AT_ONCE = 4

/** What let somebody in, to be asked again. Those with the same key are asked for once. */
export type Right = { key: string; stillMay: () => Promise<boolean> }
/** `signal` aborts when the right is lost. Disposed when nobody reads any more. */
export type WatchedRight = Disposable & { signal: AbortSignal }

type Entry = Right & { lost: AbortController; watchers: number }

/** Looks again and again whether those who follow something still may, for a whole process. */
export class AccessWatch implements AsyncDisposable {
  readonly #options: { logger: Logger; pollMs?: number }
  readonly #entries = new Map<string, Entry>()
  #unlisten: () => Promise<unknown> = async () => undefined
  #poll: NodeJS.Timeout | undefined
  #checking = false
  #news = false

  private constructor(options: { logger: Logger; pollMs?: number }) {
    this.#options = options
  }

  /** Starts listening. Rejects when the database cannot be reached. */
  static async start({ client }: Pick<Database, 'client'>, options: { logger: Logger; pollMs?: number }) {
    const watch = new AccessWatch(options)
    // Also when the connection was lost and is back: who knows what was said meanwhile.
    const again = () => void watch.#check()
    const listening = await client.listen('drydock_access', again, again)
    watch.#unlisten = () => listening.unlisten()
    watch.#poll = setInterval(again, options.pollMs ?? POLL_MS)
    return watch
  }

  watch(right: Right): WatchedRight {
    const entry = this.#entries.get(right.key) ?? { ...right, lost: new AbortController(), watchers: 0 }
    this.#entries.set(right.key, entry)
    entry.watchers++
    let isOver = false
    return {
      signal: entry.lost.signal,
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        entry.watchers--
        if (entry.watchers === 0) this.#forget(entry)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#poll)
    this.#entries.clear()
    await this.#unlisten().catch(() => undefined)
  }

  async #check(): Promise<void> {
    this.#news = true
    if (this.#checking) return
    this.#checking = true
    // What is said while this asks may concern those who were asked for already.
    while (this.#news) {
      this.#news = false
      const due = [...this.#entries.values()]
      while (due.length > 0) await Promise.all(due.splice(0, AT_ONCE).map((entry) => this.#ask(entry)))
    }
    this.#checking = false
  }

  async #ask(entry: Entry): Promise<void> {
    try {
      if (await entry.stillMay()) return
    } catch (error) {
      // Without a database nobody's rights change, and nobody's are known to be lost; the next poll asks again.
      return this.#options.logger.error({ err: error }, 'Cannot look whether a follower still may')
    }
    this.#forget(entry)
    entry.lost.abort()
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
  }
}
