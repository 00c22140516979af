/** The longest exit code with its line end. */
const MAX_CODE_BYTES = 5

/** What may be handed on, and the exit code once the mark has come. `null`: there was none after it. */
export type Scanned = { before: Buffer; code?: number | null }

/**
 * Finds the mark that ends the output of a command in a stream that comes in pieces. It holds back only what may be the
 * beginning of the mark, whose first byte hardly ever occurs: a line is never kept waiting.
 */
export function markScanner(mark: Buffer): (chunk: Buffer) => Scanned {
  let held = Buffer.alloc(0)
  return (chunk) => {
    const data = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const at = data.indexOf(mark)
    if (at < 0) {
      const from = data.length - beginningOf(mark, data)
      held = Buffer.from(data.subarray(from))
      return { before: data.subarray(0, from) }
    }
    const rest = data.subarray(at + mark.length)
    const end = rest.indexOf(0x0a)
    if (end < 0 && rest.length < MAX_CODE_BYTES) {
      held = Buffer.from(data.subarray(at))
      return { before: data.subarray(0, at) }
    }
    const digits = /^ (\d{1,3})$/.exec(rest.subarray(0, Math.max(0, end)).toString('latin1'))?.[1]
    return { before: data.subarray(0, at), code: digits === undefined ? null : Number(digits) }
  }
}

/** How many bytes at the end of some data the mark may begin with. */
function beginningOf(mark: Buffer, data: Buffer): number {
  for (let length = Math.min(mark.length - 1, data.length); length > 0; length--) {
    if (data.subarray(data.length - length).equals(mark.subarray(0, length))) return length
  }
  return 0
}
