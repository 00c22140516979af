import type { Wire } from './wire.ts'

/** Up to here, pieces are copied into one write: a copy is cheaper than a second system call. */
const COPY_LIMIT = 16_384
const CHUNK_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Writes one message: collects a head and the body parts that come with it into one write, and into one chunk. */
export class MessageWriter {
  /** Bytes written, framing included. */
  bytes = 0
  readonly #wire: Wire
  readonly #chunked: boolean
  #head: Buffer | undefined
  #parts: Buffer[] = []
  #size = 0
  #finished = false

  constructor(wire: Wire, chunked: boolean) {
    this.#wire = wire
    this.#chunked = chunked
  }

  /** Body bytes that were collected and not written. */
  get collected(): number {
    return this.#size
  }

  head(text: string): void {
    this.#head = Buffer.from(text, 'latin1')
  }

  part(part: Buffer): void {
    if (part.length === 0) return
    this.#parts.push(part)
    this.#size += part.length
  }

  finish(): void {
    this.#finished = this.#chunked
  }

  /** Writes what was collected. False when the wire wants no more for the moment. */
  flush(): boolean {
    const pieces = this.#collect()
    let size = 0
    for (const piece of pieces) size += piece.length
    this.bytes += size
    if (pieces.length === 0) return true
    if (pieces.length === 1) return this.#wire.write(pieces[0] as Buffer)
    if (size <= COPY_LIMIT) return this.#wire.write(Buffer.concat(pieces, size))
    this.#wire.socket.cork()
    let more = true
    for (const piece of pieces) more = this.#wire.write(piece)
    this.#wire.socket.uncork()
    return more
  }

  #collect(): Buffer[] {
    const pieces = this.#head === undefined ? [] : [this.#head]
    if (this.#size > 0) {
      if (this.#chunked) pieces.push(Buffer.from(`${this.#size.toString(16)}\r\n`, 'latin1'))
      for (const part of this.#parts) pieces.push(part)
      if (this.#chunked) pieces.push(CHUNK_END)
    }
    if (this.#finished) pieces.push(LAST_CHUNK)
    this.#head = undefined
    this.#parts = []
    this.#size = 0
    this.#finished = false
    return pieces
  }
}
