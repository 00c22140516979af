import type { Socket } from 'node:net'

/** `asked` more bytes are needed in all, or an answer. */
export type Probe<T> = (bytes: Buffer) => { needs: number } | { found: T }
/** Why nothing was found: the client ended first, or the time did. `bytes`: how many there were. */
export type Peeked<T> = { found: T } | { gone: 'closed' | 'timeout'; bytes: number }

/**
 * Looks at the first bytes of a connection and puts them back: the next reader begins with them. The probe is asked again
 * when there is as much as it needs, so it bounds what is held here.
 */
export function peek<T>(socket: Socket, probe: Probe<T>, deadlineMs: number): Promise<Peeked<T>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    let needs = 1
    const settle = (result: Peeked<T>) => {
      clearTimeout(timer)
      socket.off('readable', look).off('end', onGone).off('error', onGone).off('close', onGone)
      resolve(result)
    }
    const look = () => {
      for (let chunk = read(socket); chunk !== undefined; chunk = read(socket)) {
        chunks.push(chunk)
        size += chunk.length
      }
      if (size < needs) return
      const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
      chunks.splice(0, chunks.length, bytes)
      const answer = probe(bytes)
      if ('needs' in answer) {
        needs = Math.max(answer.needs, size + 1)
        return
      }
      socket.unshift(bytes)
      settle(answer)
    }
    const onGone = () => settle({ gone: 'closed', bytes: size })
    const timer = setTimeout(() => settle({ gone: 'timeout', bytes: size }), deadlineMs)
    socket.on('end', onGone).on('error', onGone).on('close', onGone)
    if (socket.destroyed || socket.readableEnded) return onGone()
    socket.on('readable', look)
    if (socket.readableLength > 0) look()
  })
}

function read(socket: Socket): Buffer | undefined {
  return (socket.read() as Buffer | null) ?? undefined
}
