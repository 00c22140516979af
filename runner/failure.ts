import type { DiffStats, FailureReason } from '../domain/tasks/attempt.ts'
import type { PatchedChange } from '../domain/tasks/changes.ts'

/** How far a change came before its attempt failed; of several repositories, each of them. */
export type KeptChange = { patch: Buffer; stats: DiffStats; changes?: readonly PatchedChange[] }

/** "The task failed", with the reason code and a sentence a person can act on. Thrown inside a phase, a value outside the story. */
export class AttemptFailure extends Error {
  override name = 'AttemptFailure'
  readonly reason: FailureReason
  readonly kept: KeptChange | undefined

  constructor(reason: FailureReason, message: string, options: ErrorOptions & { kept?: KeptChange | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.kept = options.kept
  }
}
