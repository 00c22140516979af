import { base64At } from '../../sandbox-policy/secret-forms.ts'

/** A piece of so many characters gives a secret away; a shorter one, at the break of a line, says little of it. */
export const LEAST_PIECE = 16
const GRAM = LEAST_PIECE / 2
const RUNS = /[A-Za-z0-9+/]+/g

export type Range = [start: number, end: number]

/**
 * Finds secrets in base64, at whatever offset and in pieces, too: tools break it into lines. A long form is found by the
 * grams at every eighth of its places, one of which every piece has.
 */
export class Base64Index {
  readonly #short: string[] = []
  readonly #grams = new Map<string, { form: string; from: number }[]>()

  constructor(values: readonly string[]) {
    for (const form of new Set(values.flatMap((value) => [0, 1, 2].flatMap((at) => base64At(value, at)[0] ?? [])))) {
      if (form.length < LEAST_PIECE) this.#short.push(form)
      else this.#addLong(form)
    }
  }

  /** Where text holds a secret, or a piece of one. */
  find(text: string): Range[] {
    // The alphabet of URLs has other characters in two places, of the same length.
    const plain = text.replaceAll('-', '+').replaceAll('_', '/')
    const found = this.#short.flatMap((form) => occurrences(plain, form))
    if (this.#grams.size === 0) return found
    for (const { 0: run, index } of plain.matchAll(RUNS)) {
      if (run.length >= LEAST_PIECE) found.push(...this.#piecesIn(run).map(([a, b]): Range => [a + index, b + index]))
    }
    return found
  }

  #addLong(form: string): void {
    for (let from = 0; from + GRAM <= form.length; from += GRAM) {
      const gram = form.slice(from, from + GRAM)
      const places = this.#grams.get(gram) ?? []
      if (places.length === 0) this.#grams.set(gram, places)
      // A value that repeats itself: its other places begin pieces that look alike.
      if (places.length < GRAM) places.push({ form, from })
    }
  }

  #piecesIn(run: string): Range[] {
    const found: Range[] = []
    for (let i = 0; i + GRAM <= run.length; i += 1) {
      for (const place of this.#grams.get(run.slice(i, i + GRAM)) ?? []) {
        const piece = extended(run, { at: i, ...place })
        if (piece[1] - piece[0] < LEAST_PIECE) continue
        found.push(piece)
        i = Math.max(i, piece[1] - GRAM)
      }
    }
    return found
  }
}

/** Every place of a text within another. */
export function occurrences(text: string, wanted: string): Range[] {
  const found: Range[] = []
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) found.push([at, at + wanted.length])
  return found
}

/** The longest piece of a form around a gram that a run and the form share. */
function extended(run: string, { at, form, from }: { at: number; form: string; from: number }): Range {
  let [before, after] = [0, GRAM]
  while (at - before > 0 && from - before > 0 && run[at - before - 1] === form[from - before - 1]) before += 1
  while (at + after < run.length && run[at + after] === form[from + after]) after += 1
  return [at - before, at + after]
}
