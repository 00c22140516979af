// Finds the end of a head in bytes as they come and refuses early what no strict parser takes: a bare CR or LF, control
// characters, a first line without an HTTP/1.x version, heads over their limits.

export type HeadLimits = { head: number; firstLine: number; fields: number; leadingBlankLines: number }

export const REQUEST_LIMITS: HeadLimits = { head: 16_384, firstLine: 8192 + 64, fields: 100, leadingBlankLines: 4 }
export const RESPONSE_LIMITS: HeadLimits = { head: 65_536, firstLine: 8192, fields: 250, leadingBlankLines: 0 }

/** Longest request target, in bytes. */
export const MAX_TARGET = 8192

export type HeadFault = 'bytes' | 'version' | 'line-too-long' | 'head-too-long' | 'too-many-fields'
export type Scan = { kind: 'more' } | { kind: 'head'; start: number; end: number } | { kind: 'fault'; fault: HeadFault }

const MORE: Scan = { kind: 'more' }
const CR = 13
const LF = 10

/** Bytes that no head holds: controls but HTAB, CR and LF. */
const CONTROL = new Uint8Array(256)
for (let byte = 0; byte < 32; byte++) if (byte !== 9 && byte !== CR && byte !== LF) CONTROL[byte] = 1
CONTROL[127] = 1

/** Scans one head. Give it all bytes since the last head each time; it goes on where it stopped. */
export class HeadScanner {
  readonly #kind: 'request' | 'response'
  readonly #limits: HeadLimits
  #at = 0
  #start = 0
  #line = 0
  #lines = 0
  #blank = 0

  constructor(kind: 'request' | 'response', limits = kind === 'request' ? REQUEST_LIMITS : RESPONSE_LIMITS) {
    this.#kind = kind
    this.#limits = limits
  }

  /** No byte of a head has come, blank lines before it aside. */
  get empty(): boolean {
    return this.#at === this.#start
  }

  scan(bytes: Uint8Array): Scan {
    const { length } = bytes
    let at = this.#at
    for (; at < length; at++) {
      const byte = bytes[at] as number
      if (byte > 31 && byte !== 127) {
        if (at > 0 && bytes[at - 1] === CR) return fault('bytes')
        continue
      }
      if (byte === LF) {
        if (at === 0 || bytes[at - 1] !== CR) return fault('bytes')
        const done = this.#endLine(bytes, at)
        if (done !== MORE) return done
        continue
      }
      if (CONTROL[byte] === 1 || (at > 0 && bytes[at - 1] === CR)) return fault('bytes')
    }
    this.#at = at
    return this.#overLimit(at)
  }

  #endLine(bytes: Uint8Array, lineFeed: number): Scan {
    const next = lineFeed + 1
    const over = this.#overLimit(next)
    if (over !== MORE) return over
    const empty = lineFeed - 1 === this.#line
    if (this.#lines === 0) {
      if (empty) {
        if (++this.#blank > this.#limits.leadingBlankLines) return fault('bytes')
        this.#start = next
      } else {
        if (!hasVersion(this.#kind, bytes, this.#line, lineFeed - 1)) return fault('version')
        this.#lines = 1
      }
    } else {
      if (empty) return { kind: 'head', start: this.#start, end: next }
      if (++this.#lines > this.#limits.fields + 1) return fault('too-many-fields')
    }
    this.#line = next
    return MORE
  }

  #overLimit(at: number): Scan {
    if (this.#lines === 0) return at - this.#line > this.#limits.firstLine ? fault('line-too-long') : MORE
    return at - this.#start > this.#limits.head ? fault('head-too-long') : MORE
  }
}

function fault(which: HeadFault): Scan {
  return { kind: 'fault', fault: which }
}

/** A request line ends with ` HTTP/1.0` or ` HTTP/1.1`; a status line begins with one of them. */
function hasVersion(kind: 'request' | 'response', bytes: Uint8Array, from: number, to: number): boolean {
  const at = kind === 'request' ? to - 8 : from
  if (at < from || to - from < 8) return false
  const text = String.fromCharCode(...bytes.subarray(at, at + 8))
  return text === 'HTTP/1.1' || text === 'HTTP/1.0'
}
