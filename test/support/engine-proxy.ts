import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'

export type EngineProxy = AsyncDisposable & {
  socketPath: string
  /** Cuts every connection and refuses new ones: the engine is gone. */
  die: () => void
  /** Lets connections through again. */
  revive: () => void
}

/** A unix socket in front of the real engine, which can be taken away without hurting the engine. */
export async function engineProxy(socketPath: string, engine = '/var/run/docker.sock'): Promise<EngineProxy> {
  let alive = true
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (!alive) return void client.destroy()
    const upstream = connect({ path: engine, allowHalfOpen: true })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      socket.on('error', () => undefined)
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    die() {
      alive = false
      for (const socket of open) socket.destroy()
    },
    revive() {
      alive = true
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
