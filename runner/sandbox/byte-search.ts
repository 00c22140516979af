/** A search that goes on from chunk to chunk of one text. */
export type ByteSearch = {
  /** The first of the needles that ends in this chunk, by its number; it may have begun in an earlier one. */
  push: (chunk: Uint8Array) => number | undefined
  /** Begins with another text. */
  reset: () => void
}

/**
 * Looks for many needles at once in bytes that come in chunks. Skips ahead by what the last two bytes allow (Wu and
 * Manber), so that most bytes are never looked at. Keeps no more than the longest needle between chunks. Needles have at
 * least two bytes.
 */
export function byteSearch(needles: readonly Uint8Array[]): ByteSearch {
  const longest = Math.max(0, ...needles.map(({ length }) => length))
  const window = Math.min(...needles.map(({ length }) => length))
  const { shift, ending } = tablesOf(needles, window)
  let rest = Buffer.alloc(0)

  function find(bytes: Buffer): number | undefined {
    for (let at = window - 1; at < bytes.length;) {
      const block = ((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0)
      const step = shift[block] ?? 1
      if (step === 0) {
        const start = at - window + 1
        const hit = ending.get(block)?.find((n) => startsAt(bytes, start, needles[n]))
        if (hit !== undefined) return hit
      }
      at += Math.max(1, step)
    }
    return undefined
  }

  return {
    push(chunk) {
      if (needles.length === 0) return undefined
      const bytes = rest.length === 0 ? asBuffer(chunk) : Buffer.concat([rest, chunk])
      const hit = find(bytes)
      // A copy, so that a small rest does not keep a large chunk.
      rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)))
      return hit
    },
    reset: () => void (rest = Buffer.alloc(0)),
  }
}

/** How far a pair of bytes lets the window move; for pairs that may end a window, the needles that it may be. */
function tablesOf(needles: readonly Uint8Array[], window: number) {
  const shift = new Uint16Array(0x10000).fill(Math.min(0xffff, Math.max(1, window - 1)))
  const ending = new Map<number, number[]>()
  for (const [n, needle] of needles.entries()) {
    for (let at = 1; at < window; at++) {
      const block = ((needle[at - 1] ?? 0) << 8) | (needle[at] ?? 0)
      const left = window - 1 - at
      shift[block] = Math.min(shift[block] ?? 0, left)
      if (left === 0) ending.set(block, [...(ending.get(block) ?? []), n])
    }
  }
  return { shift, ending }
}

function startsAt(bytes: Buffer, start: number, needle: Uint8Array | undefined): boolean {
  if (needle === undefined || start + needle.length > bytes.length) return false
  return bytes.compare(needle, 0, needle.length, start, start + needle.length) === 0
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
