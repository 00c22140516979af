import { seededRandom } from '../support/random.ts'

/** Chance that is the same for the same seed, and what a generator makes of it. */
export class Random {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seededRandom(seed)
  }

  /** A whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.#next() * below)
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.int(times) === 0
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.int(from.length)]
    if (one === undefined) throw new RangeError('Cannot pick: there is nothing')
    return one
  }

  /** Mostly of the usual, else of the odd. */
  mostly<T>(usual: readonly T[], odd: readonly T[]): T {
    return this.oneIn(8) ? this.pick(odd) : this.pick(usual)
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.int(most + 1) }, make)
  }

  text(alphabet: string, most: number): string {
    let text = ''
    for (let left = this.int(most + 1); left > 0; left--) text += alphabet[this.int(alphabet.length)] ?? ''
    return text
  }

  bytes(most: number): Buffer {
    const bytes = Buffer.alloc(this.int(most + 1))
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.int(256)
    return bytes
  }

  /** The same bytes, some of them changed, lost, doubled or moved. */
  mutate(bytes: Buffer): Buffer {
    let result = Buffer.from(bytes)
    for (let changes = 1 + this.int(3); changes > 0 && result.length > 0; changes--) result = this.#mutateOnce(result)
    return result
  }

  #mutateOnce(bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
    const at = this.int(bytes.length)
    const end = Math.min(bytes.length, at + 1 + this.int(8))
    const [before, some, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
    switch (this.int(6)) {
      case 0:
        bytes[at] = this.int(256)
        return bytes
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << this.int(8))
        return bytes
      case 2:
        return Buffer.concat([before, after])
      case 3:
        return Buffer.concat([before, some, some, after])
      case 4:
        return Buffer.concat([before, this.pick(TELLING), after])
      default:
        return Buffer.concat([before, this.bytes(4), bytes.subarray(at)])
    }
  }
}

/** Bytes that parsers disagree about. */
const TELLING = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  ':',
  ',',
  ';',
  '@',
  '%00',
  '..',
].map((text) => Buffer.from(text, 'latin1'))
