/** The last bytes of what was printed. */
export type OutputTail = { push: (chunk: Uint8Array) => void; bytes: () => Buffer; text: () => string }

const KEPT_BYTES = 64 * 1024

export function outputTail(maxBytes = KEPT_BYTES): OutputTail {
  let parts: Buffer[] = []
  let length = 0
  const bytes = () => {
    const all = Buffer.concat(parts)
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - maxBytes)))
    parts = [kept]
    length = kept.length
    return kept
  }
  return {
    push(chunk) {
      parts.push(Buffer.from(chunk))
      length += chunk.length
      if (length > 2 * maxBytes) bytes()
    },
    bytes,
    text: () => bytes().toString('utf8'),
  }
}
