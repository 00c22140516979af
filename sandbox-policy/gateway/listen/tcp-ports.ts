import type { Server } from 'node:net'
import { PORTS } from '../../control.ts'
import type { Session } from '../session.ts'

/** Ports that the gateway has anyway: a rule for 80 or 443 is served there; the others are not to be had. */
const TAKEN: ReadonlySet<number> = new Set(Object.values(PORTS))
/** A network that was just attached may show its address a moment later. */
const TRIES = 20
const RETRY_MS = 50

/** The listeners of `tcp` rules: each on the gateway's address in the network of the sandbox that has the rule. */
export class TcpPorts implements AsyncDisposable {
  readonly #create: (port: number) => Server
  readonly #open = new Map<string, Server>()
  #last: Promise<void> = Promise.resolve()

  constructor(create: (port: number) => Server) {
    this.#create = create
  }

  /** One after another: the last word is the newest. */
  sync(sessions: Iterable<Session>): Promise<void> {
    const wanted = new Map<string, { address: string; port: number }>()
    for (const session of sessions) {
      if (session.ended.aborted) continue
      const address = session.gatewayAddress
      for (const port of session.policy.tcpPorts.keys())
        if (!TAKEN.has(port)) wanted.set(`${address} ${port}`, { address, port })
    }
    // Closed at once, not behind an opening that waits for an address.
    for (const [key, server] of this.#open) {
      if (wanted.has(key)) continue
      server.close()
      this.#open.delete(key)
    }
    const done = this.#last.then(() => this.#openAll(wanted))
    this.#last = done.catch(() => {})
    return done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sync([])
  }

  async #openAll(wanted: ReadonlyMap<string, { address: string; port: number }>): Promise<void> {
    const opened = await Promise.allSettled(
      [...wanted].map(async ([key, at]) => {
        if (this.#open.has(key)) return
        const server = this.#create(at.port)
        this.#open.set(key, server)
        try {
          await listenSoon(server, at)
        } catch (error) {
          if (this.#open.get(key) === server) this.#open.delete(key)
          throw error
        }
        // A later call may have closed it before it listened.
        if (this.#open.get(key) !== server) server.close()
      }),
    )
    const failed = opened.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

async function listenSoon(server: Server, { address, port }: { address: string; port: number }): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await listen(server, address, port)
    } catch (error) {
      const soon =
        (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL' ||
        (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!soon || left <= 1) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      resolve()
    })
  })
}
