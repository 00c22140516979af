import type { Random } from './random.ts'

/** What became of an input. Both must happen often: what refuses all, or takes all, was not looked at. */
export type Outcome = 'accepted' | 'refused'

/** One thing of the gateway that reads what a sandbox sends. */
export type Target<Input> = {
  name: string
  /** Its part of all inputs. */
  weight: number
  make: (random: Random) => Input
  /** Gives the input to it and looks at what comes out. Throws an Error that says what is wrong. */
  check: (input: Input, random: Random) => Outcome | Promise<Outcome>
  /** A share of accepted inputs below this means that the generator has lost touch. */
  leastAccepted?: number
}

/** A target whose inputs nobody outside needs to know. */
export type AnyTarget = Pick<Target<unknown>, 'name' | 'weight' | 'leastAccepted'> & {
  next: (random: Random) => { input: unknown; check: () => Outcome | Promise<Outcome> }
}

export function target<Input>({ make, check, ...rest }: Target<Input>): AnyTarget {
  return {
    ...rest,
    next: (random) => {
      const input = make(random)
      return { input, check: () => check(input, random) }
    },
  }
}

/** Throws when something is not so. */
export function must(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what)
}

/** Throws when two values do not have the same JSON. */
export function mustEqual(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`)
}

/** Where to cut bytes in pieces: every place of short ones, some of long ones. */
export function cuts(length: number, random: Random, most = 24): number[] {
  if (length <= most) return Array.from({ length }, (_, at) => at)
  return Array.from({ length: most }, () => random.int(length))
}
