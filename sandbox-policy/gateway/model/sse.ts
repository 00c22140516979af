/** A longer event is passed on all the same, only not looked at. */
const MAX_LINE = 8 * 1024 * 1024

const LF = 0x0a
const CR = 0x0d

/**
 * Finds the `data:` lines of an event stream that hold a word, however its bytes are cut. Lines end with LF, CRLF or CR.
 * Each line of data is given by itself: all three wires write one a event.
 */
export class DataLines {
  readonly #word: string
  readonly #onData: (data: string) => void
  #parts: Buffer[] = []
  #length = 0

  constructor(word: string, onData: (data: string) => void) {
    this.#word = word
    this.#onData = onData
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let end = lineEnd(chunk, 0); end >= 0; end = lineEnd(chunk, from)) {
      this.#keep(chunk.subarray(from, end))
      this.#line()
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
  }

  /** A stream that was cut in a line has that line lost; one that only lacks its last line end has not. */
  end(): void {
    this.#line()
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#length > MAX_LINE) this.#parts = []
    else this.#parts.push(part)
  }

  #line(): void {
    const kept = this.#length <= MAX_LINE && this.#length > 0
    const line = kept ? Buffer.concat(this.#parts) : undefined
    this.#parts = []
    this.#length = 0
    if (line === undefined || line.indexOf('data:') !== 0 || !line.includes(this.#word)) return
    this.#onData(line.toString('utf8', 5).trim())
  }
}

function lineEnd(chunk: Buffer, from: number): number {
  const lf = chunk.indexOf(LF, from)
  // A bare CR is rare: it is searched only as far as the next LF.
  const cr = chunk.subarray(from, lf < 0 ? chunk.length : lf).indexOf(CR)
  return cr < 0 ? lf : from + cr
}
