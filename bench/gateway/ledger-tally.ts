import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'

/** Counts finished requests on a ledger, each once, however often its record is brought. */
export class LedgerTally {
  readonly #host: string
  readonly #seen = new Map<string, Uint8Array>()
  /** Requests that were allowed and answered with 200. */
  finished = 0
  /** Other records that are not only the beginning of one: refusals, failures, other answers. */
  readonly others = new Map<string, number>()

  constructor(host: string) {
    this.#host = host
  }

  add(record: LedgerRecord): void {
    if (record.ms === null || !this.#isNew(record)) return
    const { layer, host, verdict, status, reason } = record
    const isAnswer = layer === 'http' && host === this.#host && verdict === 'allow' && status === 200 && reason === null
    if (isAnswer) this.finished++
    else this.#addOther(`${layer} ${verdict} ${String(status)} ${String(reason)}`)
  }

  #addOther(what: string): void {
    this.others.set(what, (this.others.get(what) ?? 0) + 1)
  }

  #isNew({ sandbox, seq }: LedgerRecord): boolean {
    const byte = seq >> 3
    let bits = this.#seen.get(sandbox) ?? new Uint8Array(1024)
    if (byte >= bits.length) {
      const larger = new Uint8Array(2 * byte)
      larger.set(bits)
      bits = larger
    }
    this.#seen.set(sandbox, bits)
    const mask = 1 << (seq & 7)
    if (((bits[byte] ?? 0) & mask) !== 0) return false
    bits[byte] = (bits[byte] ?? 0) | mask
    return true
  }
}
