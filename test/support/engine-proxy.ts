import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'

export type EngineProxy = AsyncDisposable & {
  socketPath: string
  /** Cuts every connection and refuses new ones: the engine is gone. */
  die: () => void
  /** Takes connections and says nothing more on any of them: the engine hangs. */
  hang: () => void
  /** Lets connections through again; what hung goes on. */
  revive: () => void
}

type Pair = { client: Socket; upstream: Socket }

/** A unix socket in front of the real engine, which can be taken away without hurting the engine. */
export async function engineProxy(socketPath: string, engine = '/var/run/docker.sock'): Promise<EngineProxy> {
  let state: 'up' | 'hung' | 'dead' = 'up'
  const pairs = new Set<Pair>()
  const flow = ({ client, upstream }: Pair) => client.pipe(upstream).pipe(client)
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (state === 'dead') return void client.destroy()
    const upstream = connect({ path: engine, allowHalfOpen: true })
    const pair = { client, upstream }
    pairs.add(pair)
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    client.on('close', () => {
      pairs.delete(pair)
      upstream.destroy()
    })
    if (state === 'up') flow(pair)
  })
  const cutAll = () => {
    for (const { client, upstream } of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    die() {
      state = 'dead'
      cutAll()
    },
    hang() {
      state = 'hung'
      for (const { client, upstream } of pairs) {
        client.unpipe(upstream)
        upstream.unpipe(client)
      }
    },
    revive() {
      if (state === 'hung') pairs.forEach(flow)
      state = 'up'
    },
    async [Symbol.asyncDispose]() {
      cutAll()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
