import { AttemptFailure } from '../failure.ts'

/** What keeps a sandbox from having a network, as the failure of its attempt. */
export function networkUnavailable(cause: Error): AttemptFailure {
  if (cause instanceof AttemptFailure) return cause
  return new AttemptFailure('network-unavailable', `Cannot give the sandbox a network: ${cause.message}`, { cause })
}
