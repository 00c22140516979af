import { mkdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { LedgerFailed } from '../session.ts'
import { Backlog, type Counter } from './backlog.ts'
import { lineOf } from './line.ts'
import { readLines } from './read.ts'
import { SEGMENT_CALLS, SegmentFile, type SegmentCalls } from './segment-file.ts'
import { openSegments } from './segments.ts'

export type SpoolOptions = {
  folder: string
  /** All segments together; beyond it nothing may pass until some are acknowledged. */
  maxBytes: number
  segmentBytes: number
  /** Free space of the disk, below which nothing may pass. */
  freeBytes: number
  /** A lost machine loses at most the records of this time; a lost process loses none. */
  syncMs: number
  /** Told once when the spool stops taking records, and with undefined when it takes them again. */
  onState: (fault: string | undefined) => void
  calls?: SegmentCalls
}

type Open = { counter: Counter; members: string; seq: number }
type End = { seq: number; members: string }
type Batch = { written: Promise<void>; resolve: () => void; reject: (error: LedgerFailed) => void }

/** Completions that wait for a full disk; more are dropped: their records stand as open ones. */
const MAX_WAITING_ENDS = 65_536

/** No line is longer: its texts are cut, and each character takes six at most. */
const MAX_LINE = 32 * 1024

/** Room above `maxBytes` for the completions of what is already open. */
const MARGIN = 1.05

/**
 * The records that the runner does not have yet, on disk. What `open` resolved survives the death of the process.
 * Lines of one tick go out with one system call. One process per folder.
 */
export class Spool implements AsyncDisposable {
  readonly #options: SpoolOptions
  readonly #calls: SegmentCalls
  readonly #backlog: Backlog
  #readers: (() => void)[] = []
  #active: SegmentFile
  #sealed: SegmentFile[] = []
  #opens: Open[] = []
  #ends: End[] = []
  #batch: Batch | undefined
  #timer: NodeJS.Timeout | undefined
  #maintenance: Promise<void> = Promise.resolve()
  #dirty = true
  #closed = false
  #syncFault: string | undefined
  #lowDisk = false
  #fault: string | undefined

  constructor(options: SpoolOptions) {
    this.#options = options
    this.#calls = options.calls ?? SEGMENT_CALLS
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const counters = new Map<string, Counter>()
    const segments = openSegments(options.folder, (sandbox, seq) => {
      const counter = counters.get(sandbox)
      if (!counter) counters.set(sandbox, { last: seq })
      else if (counter.last < seq) counter.last = seq
    })
    this.#backlog = new Backlog(segments, counters)
    const last = segments.at(-1)
    this.#active = last ? new SegmentFile(last, this.#calls) : this.#newSegment(1)
    this.#schedule()
  }

  get lastPosition(): number {
    return this.#active.segment.last
  }

  /** Why no record is taken at the moment. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** The runner falls behind: half of the room is taken. */
  get crowded(): boolean {
    return this.#backlog.bytes() > this.#options.maxBytes / 2
  }

  /** The counter of a sandbox, which goes on after everything that either side has of it. */
  counterOf(sandbox: string, seqAfter: number): Counter {
    return this.#backlog.counterOf(sandbox, seqAfter)
  }

  /** A sandbox that is gone: its counter is kept until the runner has all its records. */
  forget(sandbox: string): void {
    this.#backlog.forget(sandbox, this.lastPosition)
  }

  /** Resolves with the record's seq when its line is in the file. Rejects with LedgerFailed, and no seq is used up. */
  async open(counter: Counter, members: string): Promise<number> {
    if (this.#closed) throw new LedgerFailed('Cannot write the ledger: the gateway is stopping')
    const entry: Open = { counter, members, seq: 0 }
    this.#opens.push(entry)
    await this.#nextBatch().written
    return entry.seq
  }

  /** Adds the second line of a record. On a full disk it waits; it never fails its caller. */
  complete(seq: number, members: string): void {
    if (this.#closed) return
    this.#ends.push({ seq, members })
    this.#nextBatch()
  }

  /** Everything up to the position may be forgotten. A position that is not there yet is of another spool. */
  acknowledge(position: number): void {
    if (position <= this.lastPosition) this.#backlog.acknowledge(position, this.#active.segment)
  }

  /** Lines after a position, then new ones as they are written, in chunks of whole lines, until the signal aborts. */
  read(after: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    const written = () => new Promise<void>((resolve) => void this.#readers.push(resolve))
    return readLines({ segments: this.#backlog.segments, last: () => this.lastPosition, written }, after, signal)
  }

  /** Writes what waits, and resolves when it is safe from a power loss, too. */
  async flush(): Promise<void> {
    this.#write()
    await this.#maintain()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#write()
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#maintain()
    this.#active.close()
  }

  #newSegment(first: number): SegmentFile {
    const file = SegmentFile.create(this.#options.folder, first, this.#calls)
    this.#backlog.segments.push(file.segment)
    return file
  }

  #nextBatch(): Batch {
    if (this.#batch) return this.#batch
    this.#batch = newBatch()
    // After the poll phase: everything that arrived in this tick shares one system call.
    setImmediate(() => this.#write())
    return this.#batch
  }

  #write(): void {
    const batch = this.#batch
    if (!batch) return
    const [opens, ends] = [this.#opens, this.#ends]
    this.#batch = undefined
    this.#opens = []
    this.#ends = []
    try {
      this.#append(opens, ends)
      batch.resolve()
      // Completions have room of their own: that they were written does not say that records are taken.
      if (opens.length > 0 || this.#backlog.bytes() + MAX_LINE <= this.#options.maxBytes) this.#report(undefined)
    } catch (error) {
      this.#ends = ends.slice(-MAX_WAITING_ENDS)
      this.#report(messageOf(error))
      batch.reject(new LedgerFailed(`Cannot write the ledger: ${messageOf(error)}`))
    }
    this.#schedule()
  }

  /** Throws when not all of it is in the file; then none of it is, and no seq is used up. */
  #append(opens: readonly Open[], ends: readonly End[]): void {
    try {
      let position = this.lastPosition
      let text = ''
      for (const open of opens) {
        open.seq = ++open.counter.last
        text += lineOf(++position, open.seq, open.members)
      }
      for (const end of ends) text += lineOf(++position, end.seq, end.members)
      this.#assertRoom(text.length, opens.length === 0)
      if (this.#active.segment.size >= this.#options.segmentBytes) this.#roll()
      this.#active.append(Buffer.from(text, 'latin1'), opens.length + ends.length)
    } catch (error) {
      for (const { counter, seq } of opens) if (seq > 0) counter.last = Math.min(counter.last, seq - 1)
      throw error
    }
    this.#dirty = true
    const readers = this.#readers
    this.#readers = []
    for (const wake of readers) wake()
  }

  #assertRoom(bytes: number, onlyEnds: boolean): void {
    const { maxBytes, freeBytes } = this.#options
    if (this.#syncFault !== undefined) throw new Error(this.#syncFault)
    if (this.#lowDisk) throw new Error(`the disk has less than ${freeBytes} bytes left`)
    if (this.#backlog.bytes() + bytes > maxBytes * (onlyEnds ? MARGIN : 1)) {
      throw new Error(`${maxBytes} bytes of records wait for the runner`)
    }
  }

  #roll(): void {
    const full = this.#active
    this.#active = this.#newSegment(full.segment.last + 1)
    this.#sealed.push(full)
  }

  #report(fault: string | undefined): void {
    const changed = (fault === undefined) !== (this.#fault === undefined)
    this.#fault = fault
    if (changed) this.#options.onState(fault)
  }

  #schedule(): void {
    if (this.#timer || this.#closed || (!this.#dirty && this.#fault === undefined)) return
    this.#timer = setTimeout(() => void this.#maintain(), this.#options.syncMs)
  }

  /** Makes what is written safe, and tries again what failed. Never rejects; one at a time. */
  async #maintain(): Promise<void> {
    this.#maintenance = this.#maintenance.then(() => this.#sync())
    await this.#maintenance
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#ends.length > 0 && !this.#closed) this.#nextBatch()
    this.#schedule()
  }

  async #sync(): Promise<void> {
    this.#dirty = false
    try {
      // The kernel may have dropped what it could not write: what comes goes into another file.
      if (this.#syncFault !== undefined && this.#active.segment.size > 0) this.#roll()
      for (let full = this.#sealed.shift(); full; full = this.#sealed.shift()) {
        await full.sync().finally(() => full?.close())
      }
      await this.#active.sync()
      this.#syncFault = undefined
      this.#lowDisk = await this.#isLow()
    } catch (error) {
      this.#syncFault = messageOf(error)
      this.#report(this.#syncFault)
    }
  }

  async #isLow(): Promise<boolean> {
    const { freeBytes, folder } = this.#options
    if (freeBytes === 0) return false
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize < freeBytes
  }
}

function newBatch(): Batch {
  let resolve!: () => void
  let reject!: (error: LedgerFailed) => void
  const written = new Promise<void>((onWritten, onFailed) => {
    resolve = onWritten
    reject = onFailed
  })
  // A batch of completions has nobody who waits for it.
  written.catch(() => {})
  return { written, resolve, reject }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
