import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'

/** Takes the bytes of a wire, one reader at a time. */
export interface Reader {
  /** Returns how many bytes it took. The rest comes again: to the next reader, or to this one with more behind it. */
  bytes(chunk: Buffer): number
  /** No more bytes will come: the peer's FIN, or the socket is gone. Called once, after all bytes. */
  end(): void
}

const NOTHING = Buffer.alloc(0)

/**
 * A socket that is read by one reader after another. While there is no reader, the first bytes that come are kept and
 * the socket is paused. Errors are no events of their own: what matters is that it is closed.
 */
export class Wire {
  readonly socket: Duplex
  /** When bytes last passed, by the clock. */
  activeAt: number
  /** The peer has sent its FIN, or the socket is gone. */
  ended = false
  closed = false
  /** The end was a FIN, not an error or a reset. */
  endedCleanly = false
  onDrain: (() => void) | undefined
  onClose: (() => void) | undefined
  readonly #clock: Clock
  #reader: Reader | undefined
  #rest: Buffer = NOTHING
  #delivering = false
  #held = false
  #paused = false

  readonly #listeners = {
    data: (chunk: Buffer) => {
      this.#onData(chunk)
    },
    drain: () => {
      this.activeAt = this.#clock.now
      this.onDrain?.()
    },
    end: () => {
      this.#onEnd()
    },
    error: () => undefined,
    close: () => {
      this.#onClose()
    },
  }

  constructor(socket: Duplex, clock: Clock, head?: Buffer) {
    this.socket = socket
    this.#clock = clock
    this.activeAt = clock.now
    if (head !== undefined) this.#rest = head
    // A client may send its FIN with the request; the answer still goes out.
    socket.allowHalfOpen = true
    for (const [event, listener] of Object.entries(this.#listeners)) socket.on(event, listener)
    if (socket.isPaused()) socket.resume()
    if (socket.destroyed)
      queueMicrotask(() => {
        this.#onClose()
      })
    else if (socket.readableEnded) this.ended = this.endedCleanly = true
  }

  /** Bytes that came and that no reader took. */
  get unread(): number {
    return this.#rest.length
  }

  /** Sets who reads from here on; undefined: nobody. Waiting bytes are delivered at once. */
  read(reader: Reader | undefined): void {
    this.#reader = reader
    if (reader === undefined || this.#delivering) return
    if (this.#rest.length > 0) {
      const rest = this.#rest
      this.#rest = NOTHING
      this.#deliver(rest)
    }
    if (this.#reader !== undefined && this.ended) this.#endReader()
    else this.#settle()
  }

  /** Stops the flow of bytes to the reader; what is already read still comes. */
  hold(): void {
    this.#held = true
    this.#settle()
  }

  release(): void {
    this.#held = false
    this.#settle()
  }

  /** False when the socket wants no more for the moment; `onDrain` says when. */
  write(bytes: Buffer | string): boolean {
    if (this.closed || this.socket.destroyed || this.socket.writableEnded) return true
    this.activeAt = this.#clock.now
    return typeof bytes === 'string' ? this.socket.write(bytes, 'latin1') : this.socket.write(bytes)
  }

  /** Takes our listeners off; the socket is paused. Whoever takes it must set its own in the same tick. */
  detach(): { socket: Duplex; rest: Buffer } {
    const rest = this.#rest
    this.#reader = undefined
    this.#rest = NOTHING
    this.socket.pause()
    for (const [event, listener] of Object.entries(this.#listeners)) this.socket.off(event, listener)
    return { socket: this.socket, rest }
  }

  destroy(): void {
    this.#reader = undefined
    this.#rest = NOTHING
    this.socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.activeAt = this.#clock.now
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = NOTHING
    if (this.#reader === undefined) this.#rest = bytes
    else this.#deliver(bytes)
    this.#settle()
  }

  #deliver(bytes: Buffer): void {
    this.#delivering = true
    let left = bytes
    while (left.length > 0 && this.#reader !== undefined) {
      const reader: Reader = this.#reader
      const taken = reader.bytes(left)
      left = taken === left.length ? NOTHING : left.subarray(taken)
      if (this.#reader === reader && taken === 0) break
    }
    this.#delivering = false
    this.#rest = this.socket.destroyed ? NOTHING : left
    if (this.ended && this.#reader !== undefined) this.#endReader()
  }

  #onEnd(): void {
    this.ended = true
    this.endedCleanly = true
    this.#endReader()
  }

  #onClose(): void {
    if (this.closed) return
    this.closed = true
    this.ended = true
    this.#endReader()
    this.onClose?.()
  }

  #endReader(): void {
    const reader = this.#reader
    this.#reader = undefined
    reader?.end()
  }

  /** Reads on when somebody takes the bytes. With nobody there it stays open for a FIN until bytes come. */
  #settle(): void {
    const pause = this.#held || (this.#reader === undefined && this.#rest.length > 0)
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.socket.pause()
    else this.socket.resume()
  }
}
