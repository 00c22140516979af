// What a run of claims must show, judged from outside by what the clients saw and when.

/** One committed change. It happened at some moment between `began` and `ended`, by the clock of the clients. */
export type Op = {
  kind: 'claim' | 'finish'
  attempt: string
  user: string
  environment: string
  began: number
  ended: number
}

export type Rules = {
  userCap: (user: string) => number
  environmentCap: (environment: string) => number
  /** How many attempts of each user waited in each environment before the first operation. */
  queued: ReadonlyMap<string, ReadonlyMap<string, number>>
}

/** Attempts that were given out more often than they were queued, which is once. */
export function doubleClaims(ops: readonly Op[]): string[] {
  const claimed = new Set<string>()
  return ops.flatMap(({ kind, attempt }) => {
    if (kind === 'finish') return []
    if (claimed.has(attempt)) return [`attempt ${attempt} was claimed twice`]
    claimed.add(attempt)
    return []
  })
}

/** Caps that were exceeded beyond doubt: counted from the end of each claim to the beginning of its finish. */
export function brokenCaps(ops: readonly Op[], rules: Rules): string[] {
  const steps = ops
    .map((op) => ({ ...op, at: op.kind === 'claim' ? op.ended : op.began, by: op.kind === 'claim' ? 1 : -1 }))
    .sort((a, b) => a.at - b.at || a.by - b.by)
  const running = new Map<string, number>()
  const found: string[] = []
  const step = (name: string, by: number, cap: number) => {
    const count = (running.get(name) ?? 0) + by
    running.set(name, count)
    if (by > 0 && count > cap) found.push(`${name} ran ${count} at once, and ${cap} is the cap`)
  }
  for (const { user, environment, by } of steps) {
    step(`user ${user}`, by, rules.userCap(user))
    step(`environment ${environment}`, by, rules.environmentCap(environment))
  }
  return found
}

/**
 * Claims that passed over somebody less busy who could have been served: a user who was touched by nothing while the
 * claim went on, under the cap, with an attempt waiting in an environment that was untouched and under its cap. Users
 * and environments that other claims held at that moment do not count: claims skip what is locked. A claim that finds
 * nothing for a user goes on with the next one and holds the first one's lock to its end, which cannot be seen from
 * outside; so with claims side by side a user counts as passed over after `patience` of them in a row.
 */
export function unfairClaims(ops: readonly Op[], rules: Rules, patience = 0): string[] {
  const claims = ops.filter((op) => op.kind === 'claim').sort((a, b) => a.began - b.began)
  const byEnd = [...ops].sort((a, b) => a.ended - b.ended)
  const state = new State(rules)
  const found: string[] = []
  const passedOver = new Map<string, number>()
  let settled = 0
  for (const claim of claims) {
    for (let next = byEnd[settled]; next && next.ended <= claim.began; next = byEnd[++settled]) state.apply(next)
    const beside = concurrentWith(claim, byEnd, settled)
    const leaving = beside.filter((op) => op.kind === 'finish' && op.user === claim.user).length
    const busy = state.running(claim.user) - leaving
    const rivals = state.lessBusy(busy, { claim, beside })
    for (const user of [...passedOver.keys()]) if (!rivals.includes(user)) passedOver.delete(user)
    for (const rival of rivals) {
      const times = (passedOver.get(rival) ?? 0) + 1
      passedOver.set(rival, times)
      if (times <= patience) continue
      found.push(`attempt ${claim.attempt} of ${claim.user} (${busy} running) was taken before one of ${rival}`)
      break
    }
  }
  return found
}

/** Operations that began before the claim ended and were not over before it began. */
function concurrentWith(claim: Op, byEnd: readonly Op[], from: number): Op[] {
  const found: Op[] = []
  for (let i = from; i < byEnd.length; i++) {
    const op = byEnd[i]
    if (op === undefined || op === claim) continue
    if (op.began < claim.ended) found.push(op)
    // No operation takes this long, so none that ends so much later began in time.
    if (op.ended > claim.ended + MAX_OP_MS) break
  }
  return found
}

const MAX_OP_MS = 5000

class State {
  readonly #rules: Rules
  readonly #users = new Map<string, number>()
  readonly #environments = new Map<string, number>()
  readonly #queued: Map<string, Map<string, number>>

  constructor(rules: Rules) {
    this.#rules = rules
    this.#queued = new Map([...rules.queued].map(([user, environments]) => [user, new Map(environments)]))
  }

  running(user: string): number {
    return this.#users.get(user) ?? 0
  }

  apply({ kind, user, environment }: Op): void {
    const by = kind === 'claim' ? 1 : -1
    this.#users.set(user, this.running(user) + by)
    this.#environments.set(environment, (this.#environments.get(environment) ?? 0) + by)
    const queue = this.#queued.get(user)
    if (kind === 'claim') queue?.set(environment, (queue.get(environment) ?? 0) - 1)
  }

  lessBusy(than: number, { claim, beside }: { claim: Op; beside: readonly Op[] }): string[] {
    const users = new Set([claim.user, ...beside.map((op) => op.user)])
    const environments = new Set(beside.map((op) => op.environment))
    const found: string[] = []
    for (const [user, queue] of this.#queued) {
      const running = this.running(user)
      if (users.has(user) || running >= than || running >= this.#rules.userCap(user)) continue
      if ([...queue].some(([name, count]) => count > 0 && !environments.has(name) && this.#hasRoom(name)))
        found.push(user)
    }
    return found
  }

  #hasRoom(environment: string): boolean {
    return (this.#environments.get(environment) ?? 0) < this.#rules.environmentCap(environment)
  }
}
