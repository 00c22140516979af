import { statfs } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { canMeasure, measure, type Usage } from './disk-usage.ts'
import type { EngineCalls } from './engine-calls.ts'
import type { Find } from './find.ts'
import type { HostView } from './host-view.ts'
import type { Breach } from './sandbox.ts'

const TICK_MS = 500
const DISK_EVERY_MS = 2000
const RECONNECT_MS = 1000
/** Below this share of free inodes the engine's disk counts as full. */
const FREE_FLOOR_INODES = 0.01

/** One sandbox under watch. */
export type Watched = {
  container: string
  /** Absent where the engine's host cannot be seen; the engine's own figures are used then. */
  host: HostView | undefined
  /** Folders on the engine's host that count towards the disk limit. */
  folders: readonly string[]
  limits: { disk: Usage; pids: number }
  onBreach: (breach: Breach) => void
}

export type WatchOptions = {
  find: Find
  /** Below this much free space on the engine's disk every sandbox is stopped: the host comes first. */
  freeFloorBytes: number
  /** A folder on that disk, for where the sandboxes' own folders cannot be seen. */
  diskFolder?: string
}

type Entry = Watched & {
  diskDueAt: number
  measuring: Promise<void> | undefined
  counting: Promise<void> | undefined
  canWalk: Promise<boolean>
  /** The processor time that its processes had taken before the last measurement. */
  measuredAt: string | undefined
}

/** Watches the limits of all sandboxes of one engine with one timer, which runs only while there is a sandbox. */
export class LimitWatch {
  readonly #calls: EngineCalls
  readonly #options: WatchOptions
  readonly #entries = new Map<string, Entry>()
  #timer: NodeJS.Timeout | undefined
  #following: Promise<void> | undefined
  #stopped = new AbortController()

  constructor(calls: EngineCalls, options: WatchOptions) {
    this.#calls = calls
    this.#options = options
  }

  add(watched: Watched): void {
    const canWalk = canMeasure(watched.folders)
    this.#entries.set(watched.container, {
      ...watched,
      diskDueAt: Date.now(),
      measuring: undefined,
      counting: undefined,
      canWalk,
      measuredAt: undefined,
    })
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    if (watched.host === undefined) this.#following ??= this.#follow(this.#stopped.signal)
  }

  remove(container: string): void {
    this.#entries.delete(container)
    if (this.#entries.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stopped.abort()
    this.#stopped = new AbortController()
    this.#following = undefined
  }

  /** Ends the watch of all. */
  stop(): void {
    for (const container of [...this.#entries.keys()]) this.remove(container)
  }

  /** Checks one sandbox at once, so that the cause of a failure is known before the failure is reported. */
  async check(container: string): Promise<void> {
    const entry = this.#entries.get(container)
    if (entry === undefined) return
    await Promise.all([this.#checkCounters(entry), this.#checkDisk(entry)])
  }

  /** Where the kernel cannot be asked, the engine's events tell that memory ran out. */
  async #follow(signal: AbortSignal): Promise<void> {
    const onEvent = (container: string) => this.#entries.get(container)?.onBreach('out-of-memory')
    while (!signal.aborted) {
      await this.#calls.outOfMemoryEvents(onEvent, signal).catch(() => {})
      await delay(RECONNECT_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  #tick(): void {
    for (const entry of this.#entries.values()) {
      void this.#checkCounters(entry)
      if (Date.now() >= entry.diskDueAt) void this.#checkDisk(entry)
    }
  }

  async #checkCounters(entry: Entry): Promise<void> {
    // An engine that hangs must not gather a question with every tick.
    entry.counting ??= this.#count(entry).finally(() => (entry.counting = undefined))
    await entry.counting
  }

  async #count(entry: Entry): Promise<void> {
    const counters = await entry.host?.counters()
    if (counters !== undefined) {
      if (counters.oomKills > 0) entry.onBreach('out-of-memory')
      else if (counters.forksRefused > 0) entry.onBreach('too-many-processes')
      return
    }
    const facts = await this.#calls.inspect(entry.container).catch(() => undefined)
    if (facts?.outOfMemory) entry.onBreach('out-of-memory')
    if (entry.host !== undefined || !facts?.running) return
    const processes = await this.#calls.processes(entry.container).catch(() => 0)
    // The process that could not fork is often gone by now, so close to the limit counts.
    if (processes >= entry.limits.pids * 0.95) entry.onBreach('too-many-processes')
  }

  async #checkDisk(entry: Entry): Promise<void> {
    // A measurement that is under way is joined: a slow tree must not have several walkers.
    entry.measuring ??= this.#measure(entry).finally(() => {
      entry.measuring = undefined
      entry.diskDueAt = Date.now() + DISK_EVERY_MS
    })
    await entry.measuring
  }

  async #measure(entry: Entry): Promise<void> {
    const { disk } = entry.limits
    const usage = await this.#usage(entry)
    if (usage !== undefined && (usage.bytes > disk.bytes || usage.files > disk.files)) entry.onBreach('disk-full')
    const folder = entry.folders[0] ?? this.#options.diskFolder
    if (folder === undefined) return
    const space = await statfs(folder).catch(() => undefined)
    if (space === undefined) return
    const isFull = space.bavail * space.bsize < this.#options.freeFloorBytes
    // Some file systems have no fixed number of inodes and say 0.
    const isCrowded = space.files > 0 && space.ffree < space.files * FREE_FLOOR_INODES
    if (isFull || isCrowded) entry.onBreach('disk-full')
  }

  /** Undefined when nothing of it has run since the last look, so that nothing was written. */
  async #usage(entry: Entry): Promise<Usage | undefined> {
    if (await entry.canWalk) {
      const cpuTime = await entry.host?.cpuTime()
      if (cpuTime !== undefined && cpuTime === entry.measuredAt) return undefined
      entry.measuredAt = cpuTime
      const walk = measure(entry.folders, entry.limits.disk, this.#options.find).catch(() => {
        entry.measuredAt = undefined
        return { bytes: 0, files: 0 }
      })
      const [named, unlinked] = await Promise.all([walk, entry.host?.unlinkedBytes() ?? 0])
      return { bytes: named.bytes + unlinked, files: named.files }
    }
    const bytes = await this.#calls.layerBytes(entry.container).catch(() => 0)
    return { bytes, files: 0 }
  }
}
