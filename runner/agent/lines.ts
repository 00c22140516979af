import { StringDecoder } from 'node:string_decoder'
import { CAPS } from '../../domain/environments/limits.ts'

const LF = 0x0a

export interface LineSplitter {
  /** Resolves when every line that the chunk completes was taken. */
  push(chunk: Buffer): Promise<void>
  /** Hands on what is left without a line end. */
  close(): Promise<void>
}

/**
 * Splits one stream of bytes into lines of text, without their line ends (LF or CRLF). A line over `maxBytes` is cut and
 * says so; memory stays at that, however long a line is. Bytes that are no UTF-8 become U+FFFD, and so does NUL, which
 * PostgreSQL's jsonb refuses. Calls may overlap: lines are taken one after the other.
 */
export function createLineSplitter(
  onLine: (line: string) => void | Promise<void>,
  { maxBytes = CAPS.logLineBytes }: { maxBytes?: number } = {},
): LineSplitter {
  const buffer = new LineBuffer(maxBytes)
  let last = Promise.resolve()
  const handOn = (lines: string[]) => {
    const all = last.then(async () => {
      for (const line of lines) await onLine(line)
    })
    last = all.catch(() => {})
    return all
  }
  return { push: (chunk) => handOn(buffer.push(chunk)), close: () => handOn(buffer.end()) }
}

class LineBuffer {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #kept = 0
  #dropped = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let from = 0
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      this.#keep(chunk.subarray(from, at))
      lines.push(this.#take())
      from = at + 1
    }
    this.#keep(chunk.subarray(from))
    return lines
  }

  end(): string[] {
    return this.#kept + this.#dropped === 0 ? [] : [this.#take()]
  }

  #keep(part: Buffer): void {
    // One byte more than is shown, so that the CR of a line that just fits is seen.
    const room = this.#maxBytes + 1 - this.#kept
    const kept = part.subarray(0, Math.max(0, room))
    // A copy: the engine's read buffer must not live as long as the line.
    if (kept.length > 0) this.#parts.push(Buffer.from(kept))
    this.#kept += kept.length
    this.#dropped += part.length - kept.length
  }

  #take(): string {
    let bytes = Buffer.concat(this.#parts)
    let dropped = this.#dropped
    if (dropped === 0 && bytes.at(-1) === 0x0d) bytes = bytes.subarray(0, -1)
    if (bytes.length > this.#maxBytes) {
      dropped += bytes.length - this.#maxBytes
      bytes = bytes.subarray(0, this.#maxBytes)
    }
    this.#parts = []
    this.#kept = 0
    this.#dropped = 0
    return dropped === 0 ? textOf(bytes) : `${cutText(bytes)} … [${dropped} more bytes]`
  }
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '\uFFFD')
}

/** A cut may go through a character: the half that is left is dropped rather than shown as broken. */
function cutText(bytes: Buffer): string {
  return new StringDecoder('utf8').write(bytes).replaceAll('\0', '\uFFFD')
}
