import type { ModelUsage, SandboxConfig } from '../../sandbox-policy/control.ts'

export const NO_USAGE: ModelUsage = {
  inputTokens: 0,
  outputTokens: 0,
  requests: 0,
  budgetLeft: null,
  exhausted: false,
}

/**
 * What sandboxes used of their models, over restarts of the gateway, which counts from zero each time: a budget that a
 * crash would fill again is none.
 */
export class Spending {
  /** Of gateways that are gone. */
  readonly #before = new Map<string, ModelUsage>()
  /** What the present one said last. */
  readonly #last = new Map<string, ModelUsage>()

  /** Takes what the present gateway says of a sandbox; gives the whole. */
  note(id: string, usage: ModelUsage): ModelUsage {
    this.#last.set(id, usage)
    const before = this.#before.get(id)
    return before === undefined ? usage : sum(before, usage)
  }

  /** The gateway is gone; the next one begins at zero. */
  fold(): void {
    for (const [id, usage] of this.#last) this.#before.set(id, sum(this.#before.get(id) ?? NO_USAGE, usage))
    this.#last.clear()
  }

  /** A configuration for a gateway that knows nothing of the sandbox yet: its budget is what is left. */
  leave(config: SandboxConfig): SandboxConfig {
    const before = this.#before.get(config.id)
    const { model } = config
    if (before === undefined || model === undefined || model.budgetTokens === null) return config
    const left = Math.min(before.budgetLeft ?? model.budgetTokens, model.budgetTokens)
    return { ...config, model: { ...model, budgetTokens: before.exhausted ? 0 : Math.max(0, left) } }
  }

  forget(id: string): void {
    this.#before.delete(id)
    this.#last.delete(id)
  }
}

const sum = (before: ModelUsage, now: ModelUsage): ModelUsage => ({
  inputTokens: before.inputTokens + now.inputTokens,
  outputTokens: before.outputTokens + now.outputTokens,
  requests: before.requests + now.requests,
  // Before its first request a sandbox has no figure yet.
  budgetLeft: now.budgetLeft ?? before.budgetLeft,
  exhausted: before.exhausted || now.exhausted,
})
