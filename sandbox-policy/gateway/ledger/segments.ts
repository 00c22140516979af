import { closeSync, ftruncateSync, openSync, readdirSync, readSync, rmSync, fdatasyncSync } from 'node:fs'
import { join } from 'node:path'

// The spool is a folder of segments, `POSITION.ndjson` by the first position of each. Only the last one grows.

/** Lines `first`…`last` in `size` good bytes; more bytes than that in the file do not count. */
export type Segment = { readonly path: string; readonly first: number; last: number; size: number }

/** A line of ours is far shorter: 2,048 characters of path, each six bytes as an escape, are the most. */
export const MAX_LINE = 64 * 1024

const CHUNK = 1024 * 1024
const NEWLINE = 0x0a

export function segmentPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(16, '0')}.ndjson`)
}

/**
 * The segments of a folder in order, each cut where it stops to make sense: a line torn by a crash, or blocks that a
 * power loss left empty. `onRecord` sees every record that stays.
 */
export function openSegments(folder: string, onRecord: (sandbox: string, seq: number) => void): Segment[] {
  const segments: Segment[] = []
  for (const name of readdirSync(folder).sort()) {
    const first = /^(\d{16})\.ndjson$/.exec(name)?.[1]
    if (first === undefined) continue
    segments.push(
      repair({ path: join(folder, name), first: Number(first), last: Number(first) - 1, size: 0 }, onRecord),
    )
  }
  const empty = (segment: Segment, index: number) => segment.size === 0 && index < segments.length - 1
  segments.filter(empty).forEach((segment) => rmSync(segment.path, { force: true }))
  return segments.filter((segment, index) => !empty(segment, index))
}

function repair(segment: Segment, onRecord: (sandbox: string, seq: number) => void): Segment {
  const fd = openSync(segment.path, 'r+')
  try {
    const length = scan(fd, segment, onRecord)
    if (length > segment.size) {
      ftruncateSync(fd, segment.size)
      fdatasyncSync(fd)
    }
    return segment
  } finally {
    closeSync(fd)
  }
}

/** Counts good lines into the segment; gives how far it read, which is more than they are when something follows them. */
function scan(fd: number, segment: Segment, onRecord: (sandbox: string, seq: number) => void): number {
  const buffer = Buffer.allocUnsafe(CHUNK)
  for (;;) {
    const read = readSync(fd, buffer, 0, CHUNK, segment.size)
    if (read === 0) return segment.size
    const lines = buffer.subarray(0, read)
    let start = 0
    for (let end = lines.indexOf(NEWLINE); end >= 0; end = lines.indexOf(NEWLINE, start)) {
      const record = parseLine(lines.toString('latin1', start, end), segment.last + 1)
      if (!record) return segment.size + read
      onRecord(record.sandbox, record.seq)
      segment.last++
      segment.size += end + 1 - start
      start = end + 1
    }
    if (start === 0 || read < CHUNK) return segment.size + (read - start)
  }
}

const LINE =
  /^\{"position":(\d+),"record":\{"seq":(\d+),"at":"[\d:.TZ-]{24}","sandbox":"((?:[^"\\]|\\.)*)","attempt":[\x20-\x7e]*"policyVersion":\d+\}\}$/

function parseLine(line: string, position: number): { sandbox: string; seq: number } | undefined {
  const match = LINE.exec(line)
  if (!match || Number(match[1]) !== position) return undefined
  return { sandbox: JSON.parse(`"${match[3]}"`) as string, seq: Number(match[2]) }
}
