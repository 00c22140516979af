// Tokens of one sandbox (R13).
//
// estimate     what a request's input may cost, an upper bound
// reservation  estimate + maximum output × answers, taken from what is left before anything goes out
// settling     the reservation becomes what the request really cost
//
// A request that does not fit beside those under way waits for them: most cost far less than they reserve. Only one that
// does not fit with nothing else under way is refused, and from then on all are: the task has come to its end. What a
// provider counts over our estimate is added to all later ones; until it has counted once, requests go one by one.

import type { ModelUsage } from '../../control.ts'
import { Refusal } from './refusal.ts'

export type Tokens = { input: number; output: number }

export type Wanted = {
  inputEstimate: number
  answers: number
  /** Maximum output an answer: the smaller of what was asked for and the grant's bound. */
  maxOutput: number
}

/** Tokens taken for one request. `settle` counts once. */
export type Reservation = {
  /** What an answer may cost at most. */
  readonly maxOutput: number
  readonly input: number
  readonly total: number
  /** The real usage; `undefined`: it went nowhere and cost nothing. */
  settle(usage: Tokens | undefined): void
}

/** An answer shorter than that is none; also the least that providers accept. */
const LEAST_OUTPUT = 16

/** How a request is refused that does not fit. `isFinal`: so are all later ones, smaller ones too. */
export type Over = { status: number; sentence: string; isFinal: boolean }

const OF_TASK: Over = {
  status: 403,
  sentence: 'The token budget of this task is used up. Stop here: further model requests are refused.',
  isFinal: true,
}

type Waiting = { wanted: Wanted; resolve: (reservation: Reservation) => void; reject: (refusal: Error) => void }

export class Budget {
  readonly #limit: number | null
  readonly #over: Over
  readonly #used: Tokens = { input: 0, output: 0 }
  readonly #excess: Tokens = { input: 0, output: 0 }
  readonly #waiting: Waiting[] = []
  #reserved = 0
  #underWay = 0
  #requests = 0
  #counted = false
  #exhausted = false

  /** `limit`: tokens that may be used from now on; null: no budget, all is only counted. */
  constructor(limit: number | null, over: Over = OF_TASK) {
    this.#limit = limit
    this.#over = over
  }

  /** What is under way counts as used: if this process ends, that is how it ends. */
  usage(): ModelUsage {
    const left = this.#limit === null ? null : Math.max(0, this.#left())
    const { input, output } = this.#used
    return {
      inputTokens: input,
      outputTokens: output,
      requests: this.#requests,
      budgetLeft: left,
      exhausted: this.#exhausted,
    }
  }

  /** Waits until the request fits. Rejects with Refusal `budget`, or the signal's reason. */
  reserve(wanted: Wanted, signal: AbortSignal): Promise<Reservation> {
    return new Promise((resolve, reject) => {
      const over = () => {
        signal.removeEventListener('abort', giveUp)
      }
      const waiting: Waiting = {
        wanted,
        resolve: (reservation) => {
          over()
          resolve(reservation)
        },
        reject: (error) => {
          over()
          reject(error)
        },
      }
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        waiting.reject(signal.reason as Error)
        // The others may have been waiting behind it.
        this.#admit()
      }
      if (signal.aborted) {
        waiting.reject(signal.reason as Error)
        return
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(waiting)
      this.#admit()
    })
  }

  /** In turn, so that a large request is not passed by small ones for ever. */
  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const output = this.#outputFor(first.wanted)
      if (output === 'wait') return
      this.#waiting.shift()
      if (output === 'refused') first.reject(this.#exhaust())
      else first.resolve(this.#take(first.wanted, output))
    }
  }

  #outputFor({ inputEstimate, answers, maxOutput }: Wanted): number | 'wait' | 'refused' {
    if (this.#limit === null) return maxOutput
    if (this.#exhausted) return 'refused'
    if (this.#underWay > 0 && !this.#counted) return 'wait'
    const forOutput = Math.floor((this.#left() - inputEstimate - this.#excess.input) / answers) - this.#excess.output
    if (forOutput >= maxOutput) return maxOutput
    if (this.#underWay > 0) return 'wait'
    return forOutput >= Math.min(LEAST_OUTPUT, maxOutput) ? forOutput : 'refused'
  }

  #take({ inputEstimate, answers }: Wanted, maxOutput: number): Reservation {
    const input = inputEstimate + this.#excess.input
    const total = input + (maxOutput + this.#excess.output) * answers
    this.#reserved += total
    this.#underWay += 1
    this.#requests += 1
    let open = true
    const settle = (usage: Tokens | undefined) => {
      if (!open) return
      open = false
      this.#reserved -= total
      this.#underWay -= 1
      if (usage === undefined) this.#requests -= 1
      else this.#count(usage, { input: inputEstimate, output: maxOutput * answers })
      this.#admit()
    }
    return { maxOutput, input, total, settle }
  }

  #count(usage: Tokens, expected: Tokens): void {
    this.#counted = true
    this.#used.input += usage.input
    this.#used.output += usage.output
    this.#excess.input = Math.max(this.#excess.input, usage.input - expected.input)
    this.#excess.output = Math.max(this.#excess.output, usage.output - expected.output)
  }

  #left(): number {
    return (this.#limit ?? 0) - this.#used.input - this.#used.output - this.#reserved
  }

  #exhaust(): Refusal {
    this.#exhausted = this.#over.isFinal
    return new Refusal(this.#over.status, 'budget', this.#over.sentence)
  }
}

/** Budgets that outlive their sandbox: so that one that comes back under its id does not start afresh. */
const MAX_BUDGETS = 4096

/** One budget a sandbox, for as long as this process lives. */
export class Budgets {
  readonly #budgets = new Map<string, Budget>()

  /**
   * The sandbox's budget. `limit` counts the first time only: what a grant names is what was left when this process first
   * heard of the sandbox; a later grant with another number changes nothing.
   */
  of(sandbox: string, limit: number | null, over?: Over): Budget {
    const known = this.#budgets.get(sandbox)
    if (known !== undefined) return known
    const budget = new Budget(limit, over)
    this.#budgets.set(sandbox, budget)
    this.#forgetOldest()
    return budget
  }

  /** `limit`: what a sandbox that has asked for nothing may use. */
  usage(sandbox: string, limit: number | null): ModelUsage {
    return (this.#budgets.get(sandbox) ?? new Budget(limit)).usage()
  }

  #forgetOldest(): void {
    if (this.#budgets.size <= MAX_BUDGETS) return
    for (const id of this.#budgets.keys()) {
      this.#budgets.delete(id)
      return
    }
  }
}
