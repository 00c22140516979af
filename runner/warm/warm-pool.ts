import type { Logger } from 'pino'
import { discard, makeReady, newOwner } from './ready.ts'
import type { MakeDeps, Ready } from './ready.ts'
import { keyOf } from './recipe.ts'
import type { Recipe } from './recipe.ts'
import { recent, sizes } from './sizing.ts'
import type { Bounds } from './sizing.ts'

export type WarmPoolDeps = MakeDeps & {
  bounds: Bounds
  /** The versions of environments as they are; without those that are gone. */
  versions: (environmentIds: readonly string[]) => Promise<ReadonlyMap<string, string>>
  logger: Pick<Logger, 'info' | 'warn'>
  now?: () => number
}

type Shelf = { recipe: Recipe; starts: number[]; ready: Ready[]; failed: boolean }

/**
 * Ready sandboxes of environments in use. Each is taken once. They are made in the background, one at a time, and only
 * while nothing starts: a task that starts has the engine for itself.
 */
export class WarmPool {
  readonly #deps: WarmPoolDeps
  readonly #shelves = new Map<string, Shelf>()
  /** Labels of all that is ready, being made, or in the hands of an attempt. */
  readonly #owners = new Set<string>()
  readonly #stop = new AbortController()
  #starting = 0
  #filling: Promise<void> | undefined
  #ending = new Set<Promise<void>>()

  constructor(deps: WarmPoolDeps) {
    this.#deps = deps
  }

  /** Says whether something with this label is the pool's or an attempt's that took it: all else is left over. */
  holds = (owner: string): boolean => this.#owners.has(owner)

  /** How many wait. */
  get size(): number {
    return [...this.#shelves.values()].reduce((sum, { ready }) => sum + ready.length, 0)
  }

  /** Something starts: nothing is made until it is released. */
  hold(): { release: () => void } {
    this.#starting++
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#starting--
        this.#fill()
      },
    }
  }

  /** Notes that one is wanted, so that there is one next time. Says whether there is one this time. */
  want(recipe: Recipe): boolean {
    if (this.#stop.signal.aborted || this.#deps.bounds.most === 0) return false
    return this.#wanted(recipe).ready.length > 0
  }

  /**
   * A sandbox by a recipe, thawed, with a network as a new one would have; undefined when there is none. Who takes it
   * calls `forget` when it is destroyed.
   */
  async take(recipe: Recipe): Promise<Ready | undefined> {
    const waiting = this.#shelves.get(keyOf(recipe))?.ready ?? []
    for (let ready = waiting.shift(); ready !== undefined; ready = waiting.shift()) {
      try {
        const [isGood] = await Promise.all([ready.network?.isCurrent() ?? true, ready.sandbox.thaw()])
        if (isGood) return ready
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'A sandbox that waited cannot be used')
      }
      this.#discard(ready)
    }
    return undefined
  }

  /** What was taken is gone, or left to the sweep. */
  forget(owner: string): void {
    this.#owners.delete(owner)
  }

  /** Removes what no longer fits: of environments that were changed, or that nobody used for an hour. */
  async tidy(): Promise<void> {
    const ids = [...new Set([...this.#shelves.values()].map(({ recipe }) => recipe.environmentId))]
    if (ids.length === 0) return
    const versions = await this.#deps.versions(ids)
    for (const [key, { recipe, starts }] of this.#shelves) {
      const isChanged = versions.get(recipe.environmentId) !== recipe.version
      if (isChanged || recent(starts, this.#now()).length === 0) this.#clear(key)
    }
    this.#fill()
  }

  /** Resolves when nothing is being made or removed. */
  async filled(): Promise<void> {
    await this.#filling
    await Promise.all(this.#ending)
  }

  /** The engine was away: what waited is not to be relied on, and is swept. */
  drop(): void {
    for (const ready of [...this.#shelves.values()].flatMap((shelf) => shelf.ready.splice(0))) {
      this.forget(ready.owner)
      this.#discard(ready)
    }
  }

  /** Removes all that waits. Afterwards there is nothing to take. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the runner stops'))
    this.drop()
    await this.filled()
  }

  #wanted(recipe: Recipe): Shelf {
    const key = keyOf(recipe)
    const known = this.#shelves.get(key)
    const shelf = known ?? { recipe, starts: [], ready: [], failed: false }
    shelf.recipe = recipe
    shelf.failed = false
    shelf.starts = [...recent(shelf.starts, this.#now()), this.#now()]
    if (known === undefined) {
      this.#shelves.set(key, shelf)
      for (const [other, { recipe: older }] of this.#shelves) if (isReplacedBy(older, recipe)) this.#clear(other)
    }
    return shelf
  }

  #clear(key: string): void {
    for (const ready of this.#shelves.get(key)?.ready ?? []) this.#discard(ready)
    this.#shelves.delete(key)
  }

  #discard(ready: Ready): void {
    const ending = discard(ready).finally(() => {
      this.forget(ready.owner)
      this.#ending.delete(ending)
    })
    this.#ending.add(ending)
  }

  #fill(): void {
    this.#filling ??= this.#fillUp().finally(() => (this.#filling = undefined))
  }

  /** Ends when something starts, or all there should be is there. */
  async #fillUp(): Promise<void> {
    for (let key = this.#next(); key !== undefined; key = this.#next()) {
      const shelf = this.#shelves.get(key) as Shelf
      const owner = newOwner()
      this.#owners.add(owner)
      try {
        const ready = await makeReady(shelf.recipe, { deps: this.#deps, owner }, this.#stop.signal)
        const isWanted = this.#shelves.get(key) === shelf && !this.#stop.signal.aborted
        if (isWanted) this.#keep(shelf, ready)
        else this.#discard(ready)
      } catch (error) {
        this.#owners.delete(owner)
        // Not again before somebody wants one: whatever keeps it from being made is said to that attempt.
        shelf.failed = true
        if (!this.#stop.signal.aborted) this.#deps.logger.warn({ err: error }, 'Cannot make a sandbox beforehand')
      }
    }
  }

  #keep(shelf: Shelf, ready: Ready): void {
    shelf.ready.push(ready)
    void ready.sandbox.breached.then(() => {
      const at = shelf.ready.indexOf(ready)
      if (at >= 0) shelf.ready.splice(at, 1).forEach((each) => this.#discard(each))
    })
  }

  /** The recipe that lacks most; what is beyond its size goes. */
  #next(): string | undefined {
    if (this.#starting > 0 || this.#stop.signal.aborted) return undefined
    const demands = [...this.#shelves].map(([key, { starts }]) => ({ key, starts }))
    const wanted = sizes(demands, this.#deps.bounds, this.#now())
    let most: { key: string; lacks: number } | undefined
    for (const [key, { ready, failed }] of this.#shelves) {
      const lacks = (wanted.get(key) ?? 0) - ready.length
      for (const extra of ready.splice(Math.max(0, wanted.get(key) ?? 0))) this.#discard(extra)
      if (lacks > 0 && !failed && lacks > (most?.lacks ?? 0)) most = { key, lacks }
    }
    return most?.key
  }

  #now(): number {
    return this.#deps.now?.() ?? Date.now()
  }
}

/** Of the same environment, but as it was before: nobody takes it any more. */
const isReplacedBy = (older: Recipe, newer: Recipe) =>
  older.environmentId === newer.environmentId && (older.version !== newer.version || older.imageId !== newer.imageId)
