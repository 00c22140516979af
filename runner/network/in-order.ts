import { exclusive } from '../../forge/exclusive.ts'
import type { Exclusive } from '../../forge/exclusive.ts'

/** Runs what concerns one id one after the other, in the order of calls; different ids do not wait for each other. */
export class InOrder {
  readonly #queues = new Map<string, Exclusive>()

  async run(id: string, work: () => Promise<void>): Promise<void> {
    const queue = this.#queues.get(id) ?? exclusive()
    this.#queues.set(id, queue)
    try {
      await queue.run(work)
    } finally {
      if (queue.isFree()) this.#queues.delete(id)
    }
  }

  /** Whether something of an id runs or waits. */
  has(id: string): boolean {
    return this.#queues.has(id)
  }

  /** Resolves when what was asked for so far has ended, however it did. */
  async settled(id: string): Promise<void> {
    await this.#queues.get(id)?.settled()
  }
}
