/** Why something was refused, or was cut short. Closed: outside checks rely on these words. */
export const REASONS = [
  'off',
  'host',
  'port',
  'method',
  'path',
  'body',
  'upgrade',
  'header',
  'private-address',
  'ip-literal',
  'no-sni',
  'sni-mismatch',
  'host-mismatch',
  'not-tls',
  'malformed',
  'secret',
  'budget',
  'self',
  'rate',
  'upstream-tls',
  'upstream-dns',
  'upstream-unreachable',
  'revoked',
  'ledger-failed',
] as const
export type Reason = (typeof REASONS)[number]

export const LAYERS = ['dns', 'connect', 'tls', 'http', 'tcp'] as const
export type Layer = (typeof LAYERS)[number]

/** The phases of an attempt in which a sandbox may have a network. */
export type NetworkPhase = 'setup' | 'agent'

/**
 * One decision that ended, or is to end, an exchange. Written when it is decided (`status: null`, no bytes), and once more
 * under the same `seq` when it is over. `seq` counts per sandbox from 1. All text is hostile input, kept as asked, cut to
 * length.
 */
export type LedgerRecord = {
  seq: number
  /** ISO 8601, UTC, milliseconds: when it was decided. */
  at: string
  sandbox: string
  attempt: string | null
  phase: NetworkPhase | null
  layer: Layer
  /** The name as the sandbox spelled it. */
  asked: string | null
  /** The name in canonical form; null when it has none. */
  host: string | null
  port: number | null
  /** The address that was dialled, or the first that was refused. */
  address: string | null
  method: string | null
  /** Path and query, cut; the query may be redacted by setting. */
  path: string | null
  verdict: 'allow' | 'deny'
  /** The rule that decided; see `RuleId` in decide.ts. */
  rule: string | null
  reason: Reason | null
  status: number | null
  bytesUp: number
  bytesDown: number
  /** Duration from the decision to the end; null while open. */
  ms: number | null
  policyVersion: number
  /** Of a request to a model. */
  use?: ModelUse
}

/** Who used a model, and for how many tokens: those that are reserved while the request is under way. */
export type ModelUse = {
  /** Whose own tool asked; null for a sandbox. */
  person: string | null
  provider: string | null
  /** Null where it was refused before it was known. */
  model: string | null
  inputTokens: number
  outputTokens: number
}

/** Lengths in characters to which hostile text on the ledger is cut. */
export const LEDGER_CAPS = { asked: 512, path: 2048, method: 32 } as const
