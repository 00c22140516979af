import { median } from '../support/statistics.ts'
import { heldBy } from './processes.ts'
import type { Held } from './processes.ts'

/** What a server may grow by between two parts of its life, before that is a leak. */
const MOST = { memoryMiB: 64, memoryShare: 0.25, files: 30 }

/** What one process held, from its start on. */
export class Samples {
  readonly #name: string
  #held: Held[] = []

  constructor(name: string) {
    this.#name = name
  }

  /** Another process has its place: what the earlier one held says nothing of it. */
  restart(): void {
    this.#held = []
  }

  take(pid: number): void {
    const held = heldBy(pid)
    if (held) this.#held.push(held)
  }

  /** The medians of the second and of the last quarter: the first is that of caches being filled. */
  summary(): { from: Held; to: Held; samples: number } | undefined {
    const quarter = Math.floor(this.#held.length / 4)
    if (quarter === 0) return undefined
    const from = middle(this.#held.slice(quarter, 2 * quarter))
    return { from, to: middle(this.#held.slice(-quarter)), samples: this.#held.length }
  }

  /** What grew beyond what may. */
  findings(): string[] {
    const summary = this.summary()
    if (summary === undefined) return []
    const { from, to } = summary
    const most = from.memoryMiB + Math.max(MOST.memoryMiB, from.memoryMiB * MOST.memoryShare)
    return [
      ...(to.memoryMiB > most
        ? [`the memory of the ${this.#name} grew from ${from.memoryMiB} to ${to.memoryMiB} MiB`]
        : []),
      ...(to.files > from.files + MOST.files
        ? [`the open files of the ${this.#name} grew from ${from.files} to ${to.files}`]
        : []),
    ]
  }
}

const middle = (held: readonly Held[]): Held => ({
  memoryMiB: median(held.map(({ memoryMiB }) => memoryMiB)),
  files: median(held.map(({ files }) => files)),
})
