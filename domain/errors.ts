/** Every way in which a request can be wrong or the world can be in its way. One map to HTTP lives in `api/errors.ts`. */
export type ErrorCode =
  | 'invalid-request'
  | 'malformed-request'
  | 'request-too-large'
  | 'unsupported-media-type'
  | 'method-not-allowed'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'environment-not-found'
  | 'task-not-found'
  | 'attempt-not-found'
  | 'token-not-found'
  | 'session-not-found'
  | 'sign-in-provider-not-found'
  | 'sign-in-refused'
  | 'sign-in-expired'
  | 'sign-in-unavailable'
  | 'sign-in-too-old'
  | 'authorization-pending'
  | 'access-denied'
  | 'device-code-expired'
  | 'foreign-origin'
  | 'user-not-found'
  | 'group-not-found'
  | 'role-not-found'
  | 'last-owner'
  | 'provider-not-found'
  | 'provider-in-use'
  | 'credential-not-found'
  | 'secret-not-found'
  | 'model-unavailable'
  | 'key-unavailable'
  | 'name-taken'
  | 'environment-in-use'
  | 'environment-file-missing'
  | 'environment-file-invalid'
  | 'environment-file-changed'
  | 'idempotency-mismatch'
  | 'task-already-finished'
  | 'task-not-finished'
  | 'content-removed'
  | 'image-refused'
  | 'attempt-not-finished'
  | 'no-changes'
  | 'not-a-code-task'
  | 'confirmation-required'
  | 'publish-in-progress'
  | 'push-refused'
  | 'login-taken'
  | 'prompt-too-large'
  | 'policy-invalid'
  | 'over-ceiling'
  | 'version-unavailable'
  | 'agent-unavailable'
  | 'repository-refused'
  | 'repository-not-found'
  | 'repository-auth'
  | 'repository-empty'
  | 'branch-not-found'
  | 'forge-unavailable'
  | 'forge-rejected'
  | 'rate-limited'
  | 'budget-used-up'
  | 'gateway-unavailable'
  | 'stale-fence'
  | 'config-invalid'
  | 'data-folder-in-use'
  | 'port-in-use'
  | 'engine-unavailable'
  | 'runner-unavailable'
  | 'database-unavailable'
  | 'image-unavailable'
  | 'internal'

/** The one error of this codebase. Text reads "Cannot <action>: <state>", followed by what to do where that helps. */
export class DrydockError extends Error {
  override name = 'DrydockError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The one answer to who lacks a right: it says nothing of which. */
export function forbidden(): DrydockError {
  return new DrydockError('forbidden', '403 - Unauthorized. Contact your administrator for access.')
}

/** Says whether an error is ours and carries one of the codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is DrydockError {
  return error instanceof DrydockError && (codes.length === 0 || codes.includes(error.code))
}
