const HEADER_BYTES = 8
const STDERR = 2

export type Piece = { stream: 'stdout' | 'stderr'; chunk: Buffer }

/**
 * Takes the engine's multiplexed stream apart. Hands on what is there of a frame instead of gathering it, so memory
 * stays at the size of a read whatever length a frame claims.
 */
export function createDemux(): (data: Buffer) => Piece[] {
  let header = Buffer.alloc(0)
  let left = 0
  let stream: Piece['stream'] = 'stdout'

  return (data) => {
    const pieces: Piece[] = []
    let at = 0
    while (at < data.length) {
      if (left === 0) {
        const part = data.subarray(at, at + HEADER_BYTES - header.length)
        at += part.length
        header = Buffer.concat([header, part])
        if (header.length < HEADER_BYTES) break
        stream = header[0] === STDERR ? 'stderr' : 'stdout'
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const chunk = data.subarray(at, at + left)
      at += chunk.length
      left -= chunk.length
      pieces.push({ stream, chunk })
    }
    return pieces
  }
}
