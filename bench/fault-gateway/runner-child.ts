import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { GivenNetwork, Order, Reply, RunnerInput } from './runner.ts'

/** A runner in a process of its own. */
export class RunnerChild {
  readonly #child
  readonly #exited: Promise<unknown>
  readonly #lines: string[]
  /** Milliseconds that the gateway took to serve, each time. */
  readonly startMs: number[] = []

  constructor(input: RunnerInput, lines: string[]) {
    const program = fileURLToPath(new URL('./runner.js', import.meta.url))
    this.#lines = lines
    this.#child = fork(program, [JSON.stringify(input)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', (reply: Reply) => {
      if (!('log' in reply)) return
      this.#lines.push(reply.log)
      if (reply.ms !== undefined) this.startMs.push(reply.ms)
    })
  }

  /** Networks that are in force. `onFirst` is called when the first of them is. */
  async take(count: number, onFirst?: () => void): Promise<GivenNetwork[]> {
    const first = this.#reply((reply) => 'first' in reply)
    void first.then(onFirst, () => undefined)
    const given = this.#reply((reply) => 'given' in reply)
    this.#order({ take: count })
    const reply = await given
    return 'given' in reply ? reply.given : []
  }

  /** Ends it in good order: every network closed, the ledger complete. */
  async close(): Promise<void> {
    const closed = this.#reply((reply) => 'closed' in reply)
    this.#order('close')
    await closed
    await this.#exited
  }

  async killHard(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #order(order: Order): void {
    this.#child.send(order)
  }

  #reply(isIt: (reply: Reply) => boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onMessage = (reply: Reply) => {
        if (!isIt(reply)) return
        this.#child.off('message', onMessage)
        resolve(reply)
      }
      this.#child.on('message', onMessage)
      void this.#exited.then(() => reject(new Error(`The runner ended. ${this.#lines.slice(-5).join('\n')}`)))
    })
  }
}
