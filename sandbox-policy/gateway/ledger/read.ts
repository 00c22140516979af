import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { MAX_LINE, type Segment } from './segments.ts'

export type SpoolView = {
  /** Live: grows at the end, and loses acknowledged ones at the front. */
  readonly segments: readonly Segment[]
  last: () => number
  /** Resolves after the next write. */
  written: () => Promise<void>
}

const CHUNK = 4 * MAX_LINE
const NEWLINE = 0x0a
/** Between two reads of what is new: under load one of them brings many lines. The first after a silence comes at once. */
const GATHER_MS = 20

/**
 * Lines after a position in order, each once, in chunks of whole lines; waits for new ones until the signal aborts.
 * All comes from the files, so a slow reader costs a chunk of memory. A position that the spool has not reached comes
 * from a spool that is lost: then everything is new.
 */
export async function* readLines(
  spool: SpoolView,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  let next = after > spool.last() ? 0 : after + 1
  while (!signal.aborted) {
    const written = spool.written()
    const segment = spool.segments.find(({ last }) => last >= next)
    if (!segment) await either(written, signal)
    else next = yield* readSegment({ spool, segment, next }, signal)
  }
}

/** Reads a segment until another one is the last; gives the position to go on from. */
async function* readSegment(
  { spool, segment, next }: { spool: SpoolView; segment: Segment; next: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer, number, undefined> {
  const file = await open(segment.path, 'r').catch(ignoreMissing)
  // Acknowledged and deleted since it was found.
  if (!file) return segment.last + 1
  try {
    let offset = 0
    let skip = Math.max(next - segment.first, 0)
    let readAt = 0
    while (!signal.aborted) {
      const written = spool.written()
      if (offset < segment.size) {
        readAt = performance.now()
        const chunk = await readWhole(file, offset, segment.size)
        offset += chunk.length
        const skipped = skipLines(chunk, skip)
        skip -= skipped.lines
        if (skipped.bytes < chunk.length) yield chunk.subarray(skipped.bytes)
      } else if (spool.segments.at(-1) !== segment) {
        return segment.last + 1
      } else {
        await either(written, signal)
        await pause(readAt + GATHER_MS - performance.now(), signal)
      }
    }
    return segment.last + 1
  } finally {
    await file.close()
  }
}

/** The whole lines from an offset on, a chunk at most. */
async function readWhole(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - offset))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
  const end = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1
  if (end === 0) throw new Error(`Cannot read the spool: no line ends after byte ${offset} of a segment`)
  return buffer.subarray(0, end)
}

function skipLines(chunk: Buffer, lines: number): { lines: number; bytes: number } {
  let skipped = 0
  let bytes = 0
  while (skipped < lines && bytes < chunk.length) {
    bytes = chunk.indexOf(NEWLINE, bytes) + 1
    skipped++
  }
  return { lines: skipped, bytes }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  return undefined
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => {})
}

function either(written: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    void written.then(done)
  })
}
