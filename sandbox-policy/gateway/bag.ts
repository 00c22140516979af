/** Where an item lies in its bag. */
export type Place<T> = { readonly item: T; at: number }

/**
 * Items that come and go with every request. Not a Set: V8 gives a Set a new table each time that deleted entries have
 * filled it, and a table that has grown old keeps all its successors, and what they held, from being freed cheaply.
 */
export class Bag<T> {
  readonly #places: Place<T>[] = []

  get size(): number {
    return this.#places.length
  }

  /** Those of this moment, in no order. */
  places(): Place<T>[] {
    return [...this.#places]
  }

  add(item: T): Place<T> {
    const place = { item, at: this.#places.length }
    this.#places.push(place)
    return place
  }

  /** Does nothing when it was removed before. */
  remove(place: Place<T>): void {
    if (this.#places[place.at] !== place) return
    const last = this.#places.pop()
    if (last === undefined || last === place) return
    this.#places[place.at] = last
    last.at = place.at
  }
}
