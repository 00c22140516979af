/** A record as the gateway writes it: one exchange. All text is hostile input. */
export type LedgerRecord = {
  seq: number
  /** ISO 8601, UTC, milliseconds. */
  at: string
  sandbox: string
  /** Whose it is, as in `owner.ts`. */
  attempt: string | null
  phase: string | null
  layer: string
  asked: string | null
  host: string | null
  port: number | null
  address: string | null
  method: string | null
  path: string | null
  verdict: 'allow' | 'deny'
  rule: string | null
  reason: string | null
  status: number | null
  bytesUp: number
  bytesDown: number
  /** Null while it is open. */
  ms: number | null
  policyVersion: number
  /** Of a request to a model: who used it, and for how many tokens. */
  use?: {
    person: string | null
    provider: string | null
    model: string | null
    inputTokens: number
    outputTokens: number
  }
}

/** A record as it is kept: of an attempt, or of a build that no attempt waited for. */
export type StoredRecord = LedgerRecord & { build: string | null }
