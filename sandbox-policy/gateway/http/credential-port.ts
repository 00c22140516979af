import type { Session } from '../session.ts'
import type { Field } from './codec/field.ts'

/** Looks for the credential in a stream; holds back as little as the longest credential. */
export interface SecretScanner {
  /** What may pass now, possibly empty; `found`: nothing more may pass. */
  push(chunk: Buffer): Buffer | 'found'
  /** What was held back, at the end of the stream. */
  flush(): Buffer | 'found'
}

/** What one exchange with a credential needs (R16). */
export interface CredentialExchange {
  /**
   * The fields with the credential's header replaced, never appended, and `accept-encoding: identity`. Given after
   * hop-by-hop fields, `range` and `if-range` are gone; framing fields and `host` are set by the caller.
   */
  request(fields: readonly Field[]): Field[]
  /** Judges the answer's head: `refuse` an encoded one, `found` where a field holds the credential. */
  response(status: number, fields: readonly Field[]): 'pass' | 'refuse' | 'found'
  /** One per answer; sees the decoded body. */
  scanner(): SecretScanner
}

/** Opens the credential that a rule names; undefined when the sandbox has none of that name: then nothing goes out. */
export type OpenCredential = (session: Session, credential: string) => CredentialExchange | undefined
