import type { HostPattern } from './patterns.ts'

const NONE: readonly never[] = []

/** Finds what is filed under the patterns that match a canonical name, the most specific first. */
export class HostIndex<T> {
  readonly #exact = new Map<string, T[]>()
  readonly #below = new Map<string, T[]>()
  readonly #any: T[] = []

  /** Undefined files it under every name. */
  add(pattern: HostPattern | undefined, entry: T): void {
    if (pattern === undefined) this.#any.push(entry)
    else {
      if (pattern.kind !== 'below') file(this.#exact, pattern.name, entry)
      if (pattern.kind !== 'exact') file(this.#below, pattern.name, entry)
    }
  }

  find(name: string): readonly T[] {
    let found: readonly T[] = this.#exact.get(name) ?? NONE
    if (this.#below.size > 0) {
      for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
        found = joined(found, this.#below.get(name.slice(dot + 1)))
      }
    }
    return joined(found, this.#any)
  }
}

function file<T>(map: Map<string, T[]>, name: string, entry: T): void {
  const there = map.get(name)
  if (there) there.push(entry)
  else map.set(name, [entry])
}

function joined<T>(first: readonly T[], second: readonly T[] | undefined): readonly T[] {
  if (second === undefined || second.length === 0) return first
  return first.length === 0 ? second : [...first, ...second]
}
