import type { Credential, ModelGrant, SandboxConfig } from '../control.ts'
import type { CompiledPolicy } from '../decide.ts'
import type { Layer, ModelUse, Reason } from '../ledger.ts'

/** What a record says when it is opened; the session adds seq, time, sandbox, attempt, phase and policy version. */
export type NewRecord = {
  layer: Layer
  asked?: string | null
  host?: string | null
  port?: number | null
  address?: string | null
  method?: string | null
  path?: string | null
  rule?: string | null
  use?: Use
}

/** What a model is used for; who asks, the session adds. */
export type Use = Omit<ModelUse, 'person'>

/**
 * How an exchange ended. A reason on an allowed exchange says why it was cut short; `address` is the one that answered,
 * where that is another than the record was opened with.
 */
export type RecordEnd = {
  status?: number | null
  bytesUp?: number
  bytesDown?: number
  reason?: Reason | null
  address?: string
  /** In place of what the record was opened with. */
  use?: Use
}

/** An exchange that is on the spool and not over. `end` counts once; later calls do nothing. */
export interface OpenRecord {
  readonly seq: number
  end(end: RecordEnd): void
}

/** Something that lives as long as the policy allows it: a connection, an exchange, a tunnel. */
export type Guard = {
  /** Asked again after each change of the policy or the phase. */
  stillAllowed: () => boolean
  /** Must end it at once; the reason goes on its record. */
  close: (reason: Reason) => void
}

/**
 * One sandbox as the gateway knows it. `policy`, `phase`, `credentials` and `model` change in place when the runner says
 * so: read them anew for each decision.
 */
export interface Session {
  readonly id: string
  readonly gatewayAddress: string
  readonly sandboxAddress: string
  readonly policy: CompiledPolicy
  readonly policyVersion: number
  readonly phase: SandboxConfig['phase']
  readonly credentials: ReadonlyMap<string, Credential>
  readonly model: ModelGrant | undefined
  readonly repositories: ReadonlySet<string>
  /** Aborts when the sandbox is removed or its lease lapses. */
  readonly ended: AbortSignal
  /** Counts one of its kind; false when it is over the limit: refuse with reason `rate`. */
  admit(what: 'request' | 'dns' | 'mint'): boolean
  /** Counts a connection from a sandbox; undefined when there are too many. Call the result when it is closed. */
  openConnection(): (() => void) | undefined
  /** Counts bytes as they pass; false when the limit is reached: cut with reason `rate`. */
  countBytes(bytes: number): boolean
  /** Keeps a guard until the returned function is called. */
  track(guard: Guard): () => void
  /**
   * Writes an allowed exchange to the spool. Resolves when it is there, before anything goes upstream. Rejects with
   * LedgerFailed when the spool cannot be written: then nothing may go out.
   */
  allow(record: NewRecord): Promise<OpenRecord>
  /** Writes a refused exchange, ended, to the spool. Never rejects: a refusal stands also without its record. */
  deny(record: NewRecord, reason: Reason, status?: number): Promise<void>
}

/** The spool cannot be written. */
export class LedgerFailed extends Error {
  override name = 'LedgerFailed'
}

/** Finds the session of an accepted connection by both its addresses; undefined: not ours, close it without a word. */
export type FindSession = (addresses: { local: string; remote: string }) => Session | undefined
