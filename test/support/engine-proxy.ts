import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'
import { Transform } from 'node:stream'
import { deferred } from '../../runner/deferred.ts'

export type EngineProxy = AsyncDisposable & {
  socketPath: string
  /** Cuts every connection and refuses new ones: the engine is gone. */
  die: () => void
  /** Takes connections, and moves nothing any more: the engine hangs. */
  hang: () => void
  /** Holds back the next request that matches, until `revive`. Resolves when there is one. */
  hold: (request: RegExp) => Promise<void>
  /** Lets connections through again, and everything go on that was held back. */
  revive: () => void
}

/** A unix socket in front of the real engine, which can be taken away without hurting the engine. */
export async function engineProxy(socketPath: string, engine = '/var/run/docker.sock'): Promise<EngineProxy> {
  let alive = true
  let isHanging = false
  let revived = deferred()
  const open = new Set<Socket>()
  const holds: { request: RegExp; seen: () => void }[] = []
  const isHeld = (bytes: string) => {
    const at = holds.findIndex(({ request }) => request.test(bytes))
    if (at >= 0) holds.splice(at, 1)[0]?.seen()
    return at >= 0
  }
  /** Passes on what comes; while something is held back, nothing after it passes either. */
  const gate = (isRequest: boolean) =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const waits = isHanging || (isRequest && holds.length > 0 && isHeld(chunk.toString('latin1')))
        if (!waits) return done(null, chunk)
        void revived.promise.then(() => done(null, chunk))
      },
    })
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (!alive) return void client.destroy()
    const upstream = connect({ path: engine, allowHalfOpen: true })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      socket.on('error', () => undefined)
    }
    client.pipe(gate(true)).pipe(upstream).pipe(gate(false)).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    die() {
      alive = false
      for (const socket of open) socket.destroy()
    },
    hang() {
      isHanging = true
    },
    hold: (request) => new Promise((seen) => holds.push({ request, seen })),
    revive() {
      alive = true
      isHanging = false
      revived.resolve()
      revived = deferred()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
