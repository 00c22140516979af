import { isToken, type Framing } from './fields.ts'

/** Takes the framing off a body as it comes. Never keeps body bytes. */
export interface BodyDecoder {
  /** Hands the body bytes of `chunk` on and returns how many bytes it took; fewer than all only when done or broken. */
  push(chunk: Buffer, sink: (part: Buffer) => void): number
  /** The body is over; bytes that follow are not its. */
  readonly done: boolean
  /** The framing is broken; the stream cannot be read further. */
  readonly broken: boolean
  /** Whether the end of the stream, here, is the body's end. */
  readonly mayEnd: boolean
}

export function bodyDecoder(framing: Framing): BodyDecoder {
  switch (framing.kind) {
    case 'none':
      return new LengthDecoder(0)
    case 'length':
      return new LengthDecoder(framing.length)
    case 'chunked':
      return new ChunkedDecoder()
    case 'close':
      return new CloseDecoder()
    default:
      return framing satisfies never
  }
}

class LengthDecoder implements BodyDecoder {
  #left: number
  readonly broken = false

  constructor(length: number) {
    this.#left = length
  }

  get done(): boolean {
    return this.#left === 0
  }

  get mayEnd(): boolean {
    return this.#left === 0
  }

  push(chunk: Buffer, sink: (part: Buffer) => void): number {
    const taken = Math.min(this.#left, chunk.length)
    this.#left -= taken
    if (taken > 0) sink(taken === chunk.length ? chunk : chunk.subarray(0, taken))
    return taken
  }
}

class CloseDecoder implements BodyDecoder {
  readonly done = false
  readonly broken = false
  readonly mayEnd = true

  push(chunk: Buffer, sink: (part: Buffer) => void): number {
    if (chunk.length > 0) sink(chunk)
    return chunk.length
  }
}

const CR = 13
const LF = 10
/** Digits of a chunk's size: below 2^52. */
const MAX_SIZE_DIGITS = 13
/** Bytes of chunk extensions, and of trailers, in one message. Both are dropped. */
const MAX_EXTENSIONS = 16_384
const MAX_TRAILERS = 16_384

type ChunkState =
  'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'trailer-lf' | 'done' | 'broken'

/** Chunked, strict: hexadecimal digits, extensions after `;`, CR LF everywhere. */
class ChunkedDecoder implements BodyDecoder {
  #state: ChunkState = 'size'
  #size = 0
  #digits = 0
  #extensions = 0
  #trailers = 0
  #line = ''

  get done(): boolean {
    return this.#state === 'done'
  }

  get broken(): boolean {
    return this.#state === 'broken'
  }

  get mayEnd(): boolean {
    return this.#state === 'done'
  }

  push(chunk: Buffer, sink: (part: Buffer) => void): number {
    let at = 0
    while (at < chunk.length && this.#state !== 'done' && this.#state !== 'broken') {
      if (this.#state === 'data') {
        const taken = Math.min(this.#size, chunk.length - at)
        sink(chunk.subarray(at, at + taken))
        this.#size -= taken
        at += taken
        if (this.#size === 0) this.#state = 'data-cr'
      } else {
        this.#state = this.#next(chunk[at] as number)
        at++
      }
    }
    return at
  }

  /** The state after one byte outside of data. */
  #next(byte: number): ChunkState {
    switch (this.#state) {
      case 'size':
        return this.#inSize(byte)
      case 'extension':
        if (byte === CR) return 'size-lf'
        return isText(byte) && ++this.#extensions <= MAX_EXTENSIONS ? 'extension' : 'broken'
      case 'size-lf':
        return byte === LF ? this.#afterSize() : 'broken'
      case 'data-cr':
        return byte === CR ? 'data-lf' : 'broken'
      case 'data-lf':
        return byte === LF ? 'size' : 'broken'
      case 'trailer':
        if (byte === CR) return 'trailer-lf'
        if (!isText(byte) || ++this.#trailers > MAX_TRAILERS) return 'broken'
        this.#line += String.fromCharCode(byte)
        return 'trailer'
      case 'trailer-lf':
        return byte === LF ? this.#afterTrailer() : 'broken'
      case 'data':
      case 'done':
      case 'broken':
        return 'broken'
      default:
        return this.#state satisfies never
    }
  }

  #inSize(byte: number): ChunkState {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit
      return ++this.#digits <= MAX_SIZE_DIGITS ? 'size' : 'broken'
    }
    if (this.#digits === 0) return 'broken'
    if (byte === CR) return 'size-lf'
    return byte === 59 ? 'extension' : 'broken'
  }

  #afterSize(): ChunkState {
    this.#digits = 0
    return this.#size === 0 ? 'trailer' : 'data'
  }

  #afterTrailer(): ChunkState {
    const line = this.#line
    this.#line = ''
    if (line === '') return 'done'
    return isToken(line.slice(0, Math.max(0, line.indexOf(':')))) ? 'trailer' : 'broken'
  }
}

function isText(byte: number): boolean {
  return (byte >= 32 && byte !== 127) || byte === 9
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
