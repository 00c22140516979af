/** Runs what concerns one id one after the other, in the order of calls; different ids do not wait for each other. */
export class InOrder {
  readonly #queues = new Map<string, Promise<void>>()

  async run(id: string, work: () => Promise<void>): Promise<void> {
    const turn = this.settled(id).then(work)
    this.#queues.set(id, turn)
    try {
      await turn
    } finally {
      if (this.#queues.get(id) === turn) this.#queues.delete(id)
    }
  }

  /** Whether something of an id runs or waits. */
  has(id: string): boolean {
    return this.#queues.has(id)
  }

  /** Resolves when what was asked for so far has ended, however it did. */
  async settled(id: string): Promise<void> {
    await this.#queues.get(id)?.catch(() => undefined)
  }
}
