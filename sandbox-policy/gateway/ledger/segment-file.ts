import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { segmentPath, type Segment } from './segments.ts'

/** The system calls of a segment; tests put failing ones in their place. */
export type SegmentCalls = {
  write: (fd: number, bytes: Buffer, at: number) => number
  sync: (fd: number) => Promise<void>
}

export const SEGMENT_CALLS: SegmentCalls = {
  write: (fd, bytes, at) => writeSync(fd, bytes, 0, bytes.length, at),
  sync: promisify(fdatasync),
}

/** An open segment that lines are added to. */
export class SegmentFile {
  readonly segment: Segment
  readonly #fd: number
  readonly #calls: SegmentCalls

  constructor(segment: Segment, calls: SegmentCalls) {
    this.segment = segment
    this.#calls = calls
    this.#fd = openSync(segment.path, segment.size === 0 ? 'w' : 'r+', 0o600)
  }

  static create(folder: string, first: number, calls: SegmentCalls): SegmentFile {
    return new SegmentFile({ path: segmentPath(folder, first), first, last: first - 1, size: 0 }, calls)
  }

  /** Adds whole lines, or throws and adds none. */
  append(bytes: Buffer, lines: number): void {
    const { segment } = this
    try {
      for (let done = 0; done < bytes.length;) {
        const written = this.#calls.write(this.#fd, bytes.subarray(done), segment.size + done)
        if (written === 0) throw new Error('nothing was written')
        done += written
      }
    } catch (error) {
      // Bytes after `size` do not count, in memory or after a restart, so a failure here changes nothing.
      try {
        ftruncateSync(this.#fd, segment.size)
      } catch {
        /* repaired at the next start */
      }
      throw error
    }
    segment.size += bytes.length
    segment.last += lines
  }

  sync(): Promise<void> {
    return this.#calls.sync(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
