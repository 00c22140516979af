import type { Socket } from 'node:net'
import type { Reason } from '../../ledger.ts'
import type { Guard, OpenRecord, Session } from '../session.ts'

export type Tunnel = {
  session: Session
  client: Socket
  upstream: Socket
  /** Where it leads, for the record. */
  address: string
  record: OpenRecord
  stillAllowed: () => boolean
  lingerMs?: number
  /** For the record: the status that the sandbox saw. */
  status: number | null
}

/** A peer that is gone without a word is noticed in minutes; one that is only silent may stay. */
const KEEP_ALIVE_MS = 60_000

/** For the last bytes towards a side whose other one is gone: a peer that takes none must not keep a connection for good. */
const LINGER_MS = 10_000

/**
 * Passes bytes both ways until one side is done, counts them, and completes the record. An end of one side is passed on to
 * the other. Both sockets are gone when it resolves.
 */
export function tunnel(options: Tunnel): Promise<void> {
  const { session, client, upstream, address, record, stillAllowed, status, lingerMs = LINGER_MS } = options
  return new Promise((resolve) => {
    const bytes = { up: 0, down: 0 }
    let reason: Reason | null = null
    const close: Guard['close'] = (cause) => {
      reason ??= cause
      client.destroy()
      upstream.destroy()
    }
    const forget = session.track({ stillAllowed, close })
    let open = 2
    let timer: NodeJS.Timeout | undefined
    const onClose = (other: Socket, hadError: boolean) => {
      open -= 1
      if (hadError) other.destroy()
      else other.destroySoon()
      if (open > 0) return void (timer = setTimeout(() => other.destroy(), lingerMs))
      clearTimeout(timer)
      forget()
      record.end({ status, address, bytesUp: bytes.up, bytesDown: bytes.down, reason })
      resolve()
    }
    const cut = () => close('rate')
    wire(client, upstream, (count) => ((bytes.up += count), session.countBytes(count) || (cut(), false)))
    wire(upstream, client, (count) => ((bytes.down += count), session.countBytes(count) || (cut(), false)))
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
      socket.on('error', () => {})
      socket.once('close', (hadError) => onClose(other, hadError))
      if (socket.closed) queueMicrotask(() => onClose(other, true))
    }
    if (session.ended.aborted || !stillAllowed()) close('revoked')
  })
}

/** One way, with back-pressure and the end passed on. */
function wire(from: Socket, to: Socket, admit: (count: number) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (!admit(chunk.length)) return
    if (!to.writable) from.destroy()
    else if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  const onEnd = () => {
    if (to.writable) to.end()
  }
  // An end without bytes before it is told to nobody, when it comes while the server is still dialled.
  if (from.readableEnded) onEnd()
  else from.on('end', onEnd)
  from.resume()
}
