import type { FailureReason } from '../domain/tasks/attempt.ts'

/** "The task failed", with the reason code and a sentence a person can act on. Thrown inside a phase, a value outside the story. */
export class AttemptFailure extends Error {
  override name = 'AttemptFailure'
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
