import type { Database } from '../domain/db.ts'
import { readEventHead, readEvents } from '../domain/tasks/read-events.ts'
import { EventFeed, eventFrame } from './event-feed.ts'
import type { Logger } from './logger.ts'

// One statement per tick reads for every task that has news: a busy server asks 20 times a second, however many follow.
// What comes now and then, such as the start of a task, is read at once.
const TICK_MS = 50
const SECOND = 1000
/** So many reads within a second make a stream of news. */
const QUICK_READS = 20
// The floor under notifications, which a broken connection may lose.
const POLL_MS = 1000
const HEARTBEAT_MS = 15_000
const READ_LIMIT = 500

const RETRY = Buffer.from('retry: 1000\n\n')
const HEARTBEAT = Buffer.from(': still here\n\n')
const END = Buffer.from('event: end\ndata: {}\n\n')

export type EventHubOptions = { logger: Logger; heartbeatMs?: number; pollMs?: number }

/** Follows tasks for a whole process: one LISTEN connection and one reader, shared by all followers. */
export class EventHub implements AsyncDisposable {
  readonly #db: Database['db']
  readonly #options: EventHubOptions
  readonly #feeds = new Map<string, EventFeed>()
  readonly #dirty = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined
  #unlisten: () => Promise<unknown> = async () => undefined
  #reading = false
  /** When the latest were, on the monotonic clock. */
  readonly #readAt: number[] = []
  #closed = false

  private constructor(db: Database['db'], options: EventHubOptions) {
    this.#db = db
    this.#options = options
  }

  /** Starts listening. Rejects when the database cannot be reached. */
  static async start({ db, client }: Pick<Database, 'db' | 'client'>, options: EventHubOptions): Promise<EventHub> {
    const hub = new EventHub(db, options)
    const listening = await client.listen('drydock_events', (taskId) => hub.#news(taskId))
    hub.#unlisten = () => listening.unlisten()
    hub.#poll = setInterval(() => hub.#pollAll(), options.pollMs ?? POLL_MS)
    return hub
  }

  /** How many streams are open. */
  get followers(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.followers, 0)
  }

  /**
   * The events of a task after a number, as chunks of SSE: each event once, in order, without gaps; heartbeats in
   * silence; `event: end` once the task ended and everything was sent. Ends early, without `end`, when the hub closes.
   * It reads ahead for nobody: what a slow follower has not taken stays in the database.
   */
  async *follow(taskId: string, after: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const feed = await this.#open(taskId)
    try {
      yield RETRY
      let cursor = after
      while (!signal.aborted && !this.#closed) {
        const step = feed.step(cursor)
        if (step.kind === 'ended') {
          yield END
          return
        }
        if (step.kind === 'wait') {
          const outcome = await feed.changed(this.#options.heartbeatMs ?? HEARTBEAT_MS, signal)
          if (outcome === 'timeout') yield HEARTBEAT
          continue
        }
        const chunk = step.kind === 'chunk' ? step : await this.#readBehind(taskId, cursor)
        if (chunk === undefined) return
        yield chunk.bytes
        cursor = chunk.last
      }
    } finally {
      this.#release(feed)
    }
  }

  /** Ends every stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearInterval(this.#poll)
    clearTimeout(this.#timer)
    for (const feed of this.#feeds.values()) feed.wake()
    await this.#unlisten().catch(() => undefined)
  }

  async #open(taskId: string): Promise<EventFeed> {
    const head = this.#feeds.has(taskId) ? 0 : await readEventHead(this.#db, taskId)
    let feed = this.#feeds.get(taskId)
    if (feed === undefined) this.#feeds.set(taskId, (feed = new EventFeed(taskId, head)))
    feed.join()
    this.#news(taskId)
    return feed
  }

  #release(feed: EventFeed): void {
    feed.followers--
    if (feed.followers === 0) this.#feeds.delete(feed.taskId)
  }

  async #readBehind(taskId: string, cursor: number): Promise<{ bytes: Uint8Array; last: number } | undefined> {
    const [read] = await readEvents(this.#db, [{ taskId, after: cursor }], READ_LIMIT)
    const last = read?.events.at(-1)?.seq
    if (read === undefined || last === undefined) return undefined
    return { bytes: Buffer.from(read.events.map(eventFrame).join('')), last }
  }

  #news(taskId: string): void {
    if (!this.#feeds.has(taskId)) return
    this.#dirty.add(taskId)
    this.#schedule()
  }

  #pollAll(): void {
    for (const taskId of this.#feeds.keys()) this.#dirty.add(taskId)
    this.#schedule()
  }

  /** News after silence is read at once, so that an agent's first byte is not kept waiting; a stream of news by ticks. */
  #schedule(): void {
    if (this.#reading || this.#timer !== undefined || this.#dirty.size === 0 || this.#closed) return
    const now = performance.now()
    const isSteady = this.#readAt.length === QUICK_READS && now - (this.#readAt[0] ?? 0) < SECOND
    const wait = isSteady ? Math.max(0, (this.#readAt.at(-1) ?? 0) + TICK_MS - now) : 0
    this.#timer = setTimeout(() => void this.#tick(), wait)
  }

  async #tick(): Promise<void> {
    this.#timer = undefined
    this.#reading = true
    this.#readAt.push(performance.now())
    if (this.#readAt.length > QUICK_READS) this.#readAt.shift()
    const due = [...this.#dirty].flatMap((taskId) => this.#feeds.get(taskId) ?? [])
    this.#dirty.clear()
    try {
      await this.#readInto(due)
    } catch (error) {
      // The poll marks the feeds again, so followers only wait longer.
      this.#options.logger.error({ err: error }, 'Cannot read events')
    }
    this.#reading = false
    this.#schedule()
  }

  async #readInto(due: readonly EventFeed[]): Promise<void> {
    const wanted = due.map(({ taskId, seq }) => ({ taskId, after: seq }))
    const joined = new Map(due.map(({ taskId, joins }) => [taskId, joins]))
    for (const read of await readEvents(this.#db, wanted, READ_LIMIT)) {
      const feed = this.#feeds.get(read.taskId)
      const full = read.events.length === READ_LIMIT
      // Who joined while this was read may know of a publishing that it does not: the next read says whether it ended.
      const partial = full || feed?.joins !== joined.get(read.taskId)
      feed?.add(read, partial)
      if (partial) this.#dirty.add(read.taskId)
    }
  }
}
