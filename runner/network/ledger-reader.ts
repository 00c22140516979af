import { setTimeout as delay } from 'node:timers/promises'
import type { SpooledRecord } from '../../sandbox-policy/control.ts'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import type { ControlClient } from './control-client.ts'
import type { Log } from './log.ts'

const RETRY_MS = 500
const BATCH = 1000

export type LedgerReaderDeps = {
  control: Pick<ControlClient, 'ledger' | 'acknowledge'>
  /** Keeps records for good: a second one of the same sandbox and seq replaces the first. May be given one again. */
  store: (records: readonly LedgerRecord[]) => Promise<void>
  log: Log
}

/** Brings what the gateway wrote down to where it is kept, and lets the gateway forget it only then. */
export class LedgerReader {
  readonly #deps: LedgerReaderDeps
  readonly #seqs = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  #position = 0

  constructor(deps: LedgerReaderDeps) {
    this.#deps = deps
  }

  /** The highest seq of a sandbox that is stored. */
  seqOf(sandbox: string): number {
    return this.#seqs.get(sandbox) ?? 0
  }

  /** Forgets about a sandbox that is gone. */
  forget(sandbox: string): void {
    this.#seqs.delete(sandbox)
  }

  /** Reads until the connection ends. Never acknowledges what is not stored. */
  async run(signal: AbortSignal): Promise<void> {
    const onRecords = async (spooled: readonly SpooledRecord[]) => {
      for (let at = 0; at < spooled.length; at += BATCH) await this.#keep(spooled.slice(at, at + BATCH), signal)
    }
    await this.#deps.control.ledger(this.#position, onRecords, signal)
  }

  /** Resolves to true when everything up to a position is stored, to false when the signal aborts before. */
  async stored(position: number, signal: AbortSignal): Promise<boolean> {
    while (this.#position < position) {
      if (signal.aborted) return false
      await new Promise<void>((resolve) => {
        const go = () => {
          this.#waiting.delete(go)
          signal.removeEventListener('abort', go)
          resolve()
        }
        this.#waiting.add(go)
        signal.addEventListener('abort', go)
      })
    }
    return true
  }

  async #keep(spooled: readonly SpooledRecord[], signal: AbortSignal): Promise<void> {
    const last = spooled.at(-1)
    if (last === undefined) return
    const records = spooled.map(({ record }) => record)
    await this.#store(records, signal)
    for (const { sandbox, seq } of records) this.#seqs.set(sandbox, Math.max(this.seqOf(sandbox), seq))
    // May be lower than before: a gateway that lost its folder counts from 1 again.
    this.#position = last.position
    await this.#deps.control.acknowledge(last.position)
    for (const go of [...this.#waiting]) go()
  }

  /** A database that is away for a while holds the ledger back, and loses nothing of it. */
  async #store(records: readonly LedgerRecord[], signal: AbortSignal): Promise<void> {
    for (let complained = false; ; complained = true) {
      try {
        return await this.#deps.store(records)
      } catch (error) {
        signal.throwIfAborted()
        if (!complained) this.#deps.log.error({ err: error }, 'Cannot store the ledger; it is tried until it works')
        await delay(RETRY_MS, undefined, { signal })
      }
    }
  }
}
