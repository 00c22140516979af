import type { Reason } from '../../ledger.ts'
import type { Session } from '../session.ts'
import type { Clock, Watched } from './clock.ts'
import { parseRequestHead, refusalOf, type HeadRefusal, type RequestHead } from './codec/request.ts'
import { HeadScanner } from './codec/scan.ts'
import type { HttpConnection } from './connection.ts'
import type { HttpLimits } from './limits.ts'
import { Wire } from './wire.ts'

/** What a client connection is busy with. Ends both its sides at once when told so; the reason goes on its record. */
export interface Busy {
  cut(reason: Reason | null): void
  /** Cuts itself when it has stalled. */
  check(now: number): void
}

type Waiting = { since: number; scanner: HeadScanner; done: (head: RequestHead | HeadRefusal | undefined) => void }

/** The sandbox's side of a connection: reads one head after another, keeps its deadlines, closes it. */
export class Client implements Watched {
  readonly wire: Wire
  readonly session: Session
  readonly limits: HttpLimits
  busy: Busy | undefined
  readonly #clock: Clock
  readonly #closed: Promise<void>
  #waiting: Waiting | undefined
  #lingerUntil = 0
  readonly #onEnded = () => {
    this.cut('revoked')
  }

  constructor(connection: HttpConnection, options: { clock: Clock; limits: HttpLimits }) {
    this.session = connection.session
    this.limits = options.limits
    this.#clock = options.clock
    this.#clock.watch(this)
    this.wire = new Wire(connection.socket, options.clock, connection.head)
    this.#closed = new Promise((resolve) => {
      this.wire.onClose = () => {
        this.#forget()
        this.busy?.cut(null)
        this.#waiting?.done(undefined)
        resolve()
      }
    })
    this.session.ended.addEventListener('abort', this.#onEnded)
    if (this.session.ended.aborted) this.cut('revoked')
  }

  /** The next request head; a refusal where it is malformed or late; undefined when the client is done. */
  nextHead(): Promise<RequestHead | HeadRefusal | undefined> {
    return new Promise((resolve) => {
      const scanner = new HeadScanner('request')
      const done: Waiting['done'] = (head) => {
        this.#waiting = undefined
        this.wire.onDrain = undefined
        this.wire.read(undefined)
        resolve(head)
      }
      this.#waiting = { since: this.#clock.now, scanner, done }
      const read = () => {
        this.wire.onDrain = undefined
        this.wire.read({
          bytes: (chunk) => this.#scan(chunk),
          end: () => {
            this.#waiting?.done(this.wire.closed || scanner.empty ? undefined : CUT_SHORT)
          },
        })
      }
      // A client that sends requests and reads no answers waits until it does.
      if (this.wire.closed) done(undefined)
      else if (this.wire.socket.writableNeedDrain) this.wire.onDrain = read
      else read()
    })
  }

  #scan(chunk: Buffer): number {
    const waiting = this.#waiting
    if (waiting === undefined) return 0
    const fresh = waiting.scanner.empty
    const scan = waiting.scanner.scan(chunk)
    if (scan.kind === 'more') {
      if (fresh && !waiting.scanner.empty) waiting.since = this.#clock.now
      return 0
    }
    if (scan.kind === 'fault') {
      waiting.done(refusalOf(scan.fault, chunk))
      return chunk.length
    }
    waiting.done(parseRequestHead(chunk.toString('latin1', scan.start, scan.end)))
    return scan.end
  }

  /** Ends the connection at once, and what it is busy with. */
  cut(reason: Reason | null): void {
    this.busy?.cut(reason)
    this.wire.destroy()
  }

  /** Ends the connection behind what was written, and throws away what the client still sends. */
  async close(): Promise<void> {
    this.wire.onDrain = undefined
    this.#lingerUntil = this.#clock.now + this.limits.lingerMs
    let left = this.limits.lingerBytes
    const { socket } = this.wire
    if (this.wire.closed) return
    socket.end(() => {
      if (this.wire.ended) this.wire.destroy()
    })
    this.wire.read({
      bytes: (chunk) => {
        left -= chunk.length
        if (left < 0) this.wire.destroy()
        return chunk.length
      },
      end: () => {
        if (socket.writableFinished) this.wire.destroy()
      },
    })
    this.wire.release()
    await this.#closed
  }

  /** Ends the connection when nothing is left to say: the client is done, or gone. */
  end(): void {
    if (this.wire.closed || this.wire.socket.destroyed) return
    this.#lingerUntil = this.#clock.now + this.limits.lingerMs
    this.wire.socket.end(() => {
      this.wire.destroy()
    })
  }

  /** Gives the socket to somebody else, without our listeners, paused. */
  detach(): { socket: Wire['socket']; rest: Buffer } {
    this.#forget()
    return this.wire.detach()
  }

  check(now: number): void {
    if (this.#lingerUntil > 0) {
      if (
        now > this.#lingerUntil &&
        (this.wire.socket.writableFinished || now > this.wire.activeAt + this.limits.stallMs)
      ) {
        this.wire.destroy()
      }
      return
    }
    this.busy?.check(now)
    const waiting = this.#waiting
    if (waiting === undefined) return
    if (this.wire.socket.writableNeedDrain) {
      if (now - this.wire.activeAt > this.limits.stallMs) this.wire.destroy()
    } else if (waiting.scanner.empty) {
      if (now - waiting.since > this.limits.idleMs) this.wire.destroy()
    } else if (now - waiting.since > this.limits.headMs) waiting.done(LATE)
  }

  #forget(): void {
    this.#clock.unwatch(this)
    this.session.ended.removeEventListener('abort', this.#onEnded)
  }
}

const CUT_SHORT: HeadRefusal = { refused: 400, reason: 'malformed', sentence: 'The request head is cut short.' }
const LATE: HeadRefusal = { refused: 408, reason: 'malformed', sentence: 'The request head did not come in time.' }
