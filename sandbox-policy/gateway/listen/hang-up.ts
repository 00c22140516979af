import type { Socket } from 'node:net'

const LINGER_MS = 1_000

/**
 * Ends a connection behind some last bytes. What the client still sends is thrown away meanwhile: closing over unread
 * bytes sends a reset, which would overtake them.
 */
export function hangUp(socket: Socket, last?: Uint8Array | string): void {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => socket.destroySoon())
  if (last === undefined) socket.end()
  else socket.end(last)
  if (socket.readableEnded) socket.destroySoon()
  else socket.resume()
}
