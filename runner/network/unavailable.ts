import { AttemptFailure } from '../failure.ts'

/** Why a sandbox gets no network, as the failure of its attempt. */
export function unavailable(cause: Error): AttemptFailure {
  if (cause instanceof AttemptFailure) return cause
  return new AttemptFailure('network-unavailable', `Cannot give the sandbox a network: ${cause.message}`, { cause })
}
