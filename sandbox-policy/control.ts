// What runner and gateway say to each other over the control socket (HTTP/1.1 on a unix socket, JSON bodies).
//
//   GET    /health                      200 {version, boot, sandboxes, ledger: ok | failed, caPem, nextCaPem?}
//   PUT    /sandboxes/:id               SandboxConfig → 204; replaces: new policy, phase, grants apply at once
//   DELETE /sandboxes/:id               200 {lastPosition} after its connections are closed and its records completed
//   POST   /lease                       LeaseRenewal → 200 {unknown: [ids]}
//   PUT    /local                       LocalAccess → 204; replaces: what people's own tools may reach through model.sock
//   PUT    /settings                    GatewaySettings → 204
//   GET    /ledger?after=POSITION       200 application/x-ndjson: SpooledRecord lines, then live ones as they are written
//   POST   /ledger/ack                  {position} → 204; everything up to it may be forgotten
//   GET    /usage/:id                   200 ModelUsage of a sandbox
//   POST   /ca/rotate?step=STEP         200 {caPem, nextCaPem?}: `prepare` (default) makes a next CA, which new sandboxes trust,
//                                       too; `activate` lets it sign, once all sandboxes trust it; `drop` ends the old one

import type { LedgerRecord, NetworkPhase } from './ledger.ts'
import type { Policy, Rule } from './policy.ts'

/** The policy in force: an environment's, under the workspace's ceiling and deny list. */
export type EffectivePolicy = {
  policy: Policy
  /** Nothing that this does not allow, too, passes; absent: no ceiling. */
  ceiling?: Policy
  /** Denied whatever the policy says. */
  deny?: readonly Rule[]
  /** Credentials for requests to a host that the rest allows, where no rule of its own names one. They open nothing. */
  brokered?: readonly Brokered[]
}

/** `host` is one canonical name. */
export type Brokered = { host: string; credential: string }

/** A header that the gateway sets on requests of a rule that names it (`credential`). */
export type Credential = { header: string; value: string }

/** The wires of model providers. */
export type Wire = 'responses' | 'chat' | 'anthropic'

/** What an administrator may open in a provider's setting; each is off unless named (R12). */
export const MODEL_FEATURES = [
  'web-search',
  'web-fetch',
  'mcp',
  'code-interpreter',
  'file-search',
  'computer-use',
  'image-generation',
  'url-input',
  'background',
  'store',
  'previous-response',
] as const
export type ModelFeature = (typeof MODEL_FEATURES)[number]

/** Access of one sandbox to one provider, in the agent phase only. */
export type ModelGrant = {
  wire: Wire
  /** Its name, for what is counted. */
  provider?: string
  /** The provider, e.g. `https://api.example.com/v1`; inference paths are appended. */
  baseUrl: string
  /** Absent: the provider needs none. Sent as `authorization: Bearer` or `x-api-key`, by wire, unless `keyHeader` says. */
  key?: string
  keyHeader?: { name: string; prefix: string }
  /** The provider's address may be private (R14 bounds). */
  internal: boolean
  /** Model names that may be asked for; empty: any. */
  models: readonly string[]
  features: readonly ModelFeature[]
  /**
   * Tokens, in and out together, that this attempt may still use; null: no budget. Counts in the first grant that a gateway
   * process gets for a sandbox; it keeps the books from there, and a later number changes nothing.
   */
  budgetTokens: number | null
  /** Upper bound that a request's maximum output is clamped to. */
  maxOutputTokens: number
  /** Requests at once. */
  concurrency: number
  /** Milliseconds without a byte from the provider, and in all. */
  idleMs: number
  totalMs: number
}

export type SandboxConfig = {
  id: string
  attempt: string | null
  phase: NetworkPhase
  gatewayAddress: string
  sandboxAddress: string
  /** Grows with each change of what the sandbox may do. */
  policyVersion: number
  policy: EffectivePolicy
  credentials: Readonly<Record<string, Credential>>
  model?: ModelGrant
  /** Names under `http://git.drydock.internal/NAME`, served by the runner over `git.sock`; empty: no git route. */
  repositories: readonly string[]
  limits: SandboxLimits
  /** The highest seq that the runner has of this sandbox: a new gateway process goes on after it. */
  seqAfter: number
}

export type SandboxLimits = {
  connections: number
  requestsPerSecond: number
  dnsPerSecond: number
  mintsPerMinute: number
  /** Bytes up and down together, in all; null: no limit. */
  bytes: number | null
}

export const DEFAULT_SANDBOX_LIMITS: SandboxLimits = {
  connections: 512,
  requestsPerSecond: 5000,
  dnsPerSecond: 200,
  mintsPerMinute: 600,
  bytes: null,
}

/** What holds for all sandboxes of a gateway. */
export type GatewaySettings = {
  /** Addresses and prefixes that no rule opens, `internal` included: Docker subnets, sandbox range, database… (CIDR). */
  forbidden: readonly string[]
  /** The host's own addresses: only for `internal` rules. */
  hostAddresses: readonly string[]
  /** Names with fixed answers in place of DNS; vetted like any answer. */
  staticHosts: Readonly<Record<string, readonly string[]>>
  /** CAs trusted upstream besides the system's, PEM. */
  upstreamCas: readonly string[]
  /**
   * A corporate proxy, `http://host:port`, that upstream connections take. It is for the outside: it resolves the names, and
   * has to refuse those of the site itself. What an `internal` rule or grant opens is resolved and vetted here, and dialled
   * directly.
   */
  upstreamProxy?: string
  /** Replace query strings on the ledger by their length. */
  redactQueries: boolean
}

/** What people's own tools may use: a provider a wire. Its lease is renewed under `LOCAL_ID`; without it nothing passes. */
export type LocalAccess = { providers: readonly ModelGrant[] }

/** Stands among the ids of sandboxes in a lease. */
export const LOCAL_ID = 'local'

/** What the api says of a request on model.sock, in the header `LOCAL_HEADER`: base64url of its JSON. */
export type LocalRequest = {
  /** Who asks. */
  person: string
  /**
   * `period` names the time for which the tokens count. `left` counts in the first request of a person and a period; the
   * gateway keeps the books from there. Null: no budget.
   */
  budget: { period: string; left: number } | null
}
export const LOCAL_HEADER = 'x-drydock-local'
export const MODEL_SOCKET = 'model.sock'

/** Leases of all sandboxes that the runner holds; those it does not name keep theirs until it lapses. */
export type LeaseRenewal = { ids: readonly string[]; leaseMs: number }

/** A line of the spool. `position` grows by one with each line, over restarts, too. */
export type SpooledRecord = { position: number; record: LedgerRecord }

/** Tokens that a sandbox has used since this gateway process first heard of it. */
export type ModelUsage = {
  inputTokens: number
  outputTokens: number
  requests: number
  /** What is left of the budget; requests under way count with all that they may cost. Null: no budget. */
  budgetLeft: number | null
  /** A request was refused for the budget; all later ones are, too. */
  exhausted: boolean
}

/** Names that the gateway itself answers for. */
export const MODEL_HOST = 'model.drydock.internal'
export const GIT_HOST = 'git.drydock.internal'

/** Ports of the gateway towards sandboxes; those of `tcp` rules come on top. */
export const PORTS = { proxy: 3128, http: 80, https: 443, dns: 53 } as const

/** Inside the gateway container. */
export const GATEWAY_PATHS = {
  /** Shared with the runner: control.sock is the gateway's, git.sock the runner's. */
  control: '/run/drydock',
  /** Shared with the api, and with nothing in it but model.sock. */
  local: '/run/drydock-local',
  /** CA key and spool: the gateway's only. */
  state: '/var/lib/drydock-gateway',
} as const
