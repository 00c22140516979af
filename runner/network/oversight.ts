import type { ModelUsage, SandboxConfig } from '../../sandbox-policy/control.ts'
import type { ControlClient, Health } from './control-client.ts'
import type { Log } from './log.ts'
import { Spending } from './spending.ts'

export type OversightDeps = { control: Pick<ControlClient, 'health' | 'usage'>; log: Log }

/** What the runner keeps of what its gateways say: whether the ledger is written, and what models were used for. */
export class Oversight {
  readonly #deps: OversightDeps
  readonly #spending = new Spending()
  #boot: string | undefined
  #ledgerFailedAt: Date | undefined

  constructor(deps: OversightDeps) {
    this.#deps = deps
  }

  /** Since when the ledger cannot be written, so that nothing passes; undefined: it can. */
  get ledgerFailedAt(): Date | undefined {
    return this.#ledgerFailedAt
  }

  /** A gateway answers: another than before counts from zero. */
  met({ boot }: Health): void {
    if (boot === this.#boot) return
    this.#boot = boot
    this.#spending.fold()
  }

  leave(config: SandboxConfig): SandboxConfig {
    return this.#spending.leave(config)
  }

  async usage(id: string): Promise<ModelUsage> {
    return this.#spending.note(id, await this.#deps.control.usage(id))
  }

  forget(id: string): void {
    this.#spending.forget(id)
  }

  /** Asks the gateway; rejects when it does not answer. */
  async look(live: Iterable<SandboxConfig>): Promise<void> {
    const { control, log } = this.#deps
    const { ledger } = await control.health()
    const hasFailed = ledger === 'failed'
    if (hasFailed && this.#ledgerFailedAt === undefined) {
      log.error({}, 'The gateway cannot write its ledger: nothing passes until it can. Is its disk full?')
    }
    this.#ledgerFailedAt = hasFailed ? (this.#ledgerFailedAt ?? new Date()) : undefined
    for (const { id, model } of live) if (model !== undefined) await this.usage(id)
  }
}
