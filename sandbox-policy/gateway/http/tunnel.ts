import type { Reason } from '../../ledger.ts'
import type { Wire } from './wire.ts'

/** For the last bytes, when both sides have ended: a peer that takes none must not keep a connection for good. */
const LINGER_MS = 10_000

/** Passes bytes both ways between two wires until both have ended, or one breaks. */
export class Tunnel {
  bytesUp = 0
  bytesDown = 0
  readonly #client: Wire
  readonly #upstream: Wire
  readonly #count: (bytes: number) => boolean
  readonly #lingerMs: number
  #timer: NodeJS.Timeout | undefined
  #open = 2
  #resolve: ((reason: Reason | null) => void) | undefined

  constructor(client: Wire, upstream: Wire, count: (bytes: number) => boolean, lingerMs = LINGER_MS) {
    this.#client = client
    this.#upstream = upstream
    this.#count = count
    this.#lingerMs = lingerMs
  }

  /** Resolves when both are closed, with the reason why it was cut, if it was. */
  run(): Promise<Reason | null> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#pass(this.#client, this.#upstream, (bytes) => (this.bytesUp += bytes))
      this.#pass(this.#upstream, this.#client, (bytes) => (this.bytesDown += bytes))
    })
  }

  cut(reason: Reason | null): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    clearTimeout(this.#timer)
    this.#client.destroy()
    this.#upstream.destroy()
    resolve?.(reason)
  }

  #pass(from: Wire, to: Wire, add: (bytes: number) => void): void {
    to.onDrain = () => {
      from.release()
    }
    from.read({
      bytes: (chunk) => {
        add(chunk.length)
        if (!this.#count(chunk.length)) this.cut('rate')
        else if (!to.write(chunk)) from.hold()
        return chunk.length
      },
      end: () => {
        if (!from.endedCleanly || --this.#open === 0) this.#finish()
        else if (!to.closed) to.socket.end()
      },
    })
  }

  /** Ends both sides behind what was written; until then the tunnel is open, and can be cut. */
  #finish(): void {
    let open = 0
    for (const wire of [this.#client, this.#upstream]) {
      if (!wire.endedCleanly || wire.closed) wire.destroy()
      else {
        open++
        wire.socket.end(() => {
          if (--open === 0) this.cut(null)
        })
      }
    }
    if (open === 0) this.cut(null)
    else this.#timer ??= setTimeout(() => this.cut(null), this.#lingerMs)
  }
}
