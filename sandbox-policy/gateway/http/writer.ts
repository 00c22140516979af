import type { Wire } from './wire.ts'

/** Up to here, pieces are copied into one write: a copy is cheaper than a second system call. */
const COPY_LIMIT = 16_384
const CHUNK_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Writes one message: collects a head and the body parts that come with it into one write. */
export class MessageWriter {
  /** Bytes written, framing included. */
  bytes = 0
  readonly #wire: Wire
  readonly #chunked: boolean
  #pieces: Buffer[] = []
  #size = 0

  constructor(wire: Wire, chunked: boolean) {
    this.#wire = wire
    this.#chunked = chunked
  }

  head(text: string): void {
    this.#add(Buffer.from(text, 'latin1'))
  }

  part(part: Buffer): void {
    if (part.length === 0) return
    if (!this.#chunked) {
      this.#add(part)
      return
    }
    this.#add(Buffer.from(`${part.length.toString(16)}\r\n`, 'latin1'))
    this.#add(part)
    this.#add(CHUNK_END)
  }

  finish(): void {
    if (this.#chunked) this.#add(LAST_CHUNK)
  }

  /** Writes what was collected. False when the wire wants no more for the moment. */
  flush(): boolean {
    const pieces = this.#pieces
    if (pieces.length === 0) return true
    const size = this.#size
    this.#pieces = []
    this.#size = 0
    if (pieces.length === 1) return this.#wire.write(pieces[0] as Buffer)
    if (size <= COPY_LIMIT) return this.#wire.write(Buffer.concat(pieces, size))
    this.#wire.socket.cork()
    let more = true
    for (const piece of pieces) more = this.#wire.write(piece)
    this.#wire.socket.uncork()
    return more
  }

  #add(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#size += piece.length
    this.bytes += piece.length
  }
}
