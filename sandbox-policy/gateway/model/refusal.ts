import type { Wire } from '../../control.ts'
import type { Reason } from '../../ledger.ts'

/** The model route does not pass this request on, or cannot. The sentence goes to the agent, so it holds no secret. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number
  readonly reason: Reason

  constructor(status: number, reason: Reason, sentence: string) {
    super(sentence)
    this.status = status
    this.reason = reason
  }
}

/** What a refusal looks like to a client of the wire: it reads the sentence out of the place where it expects one. */
export function errorAnswer(
  wire: Wire | undefined,
  refusal: Refusal,
): { headers: Record<string, string>; body: string } {
  const message = refusal.message
  const body =
    wire === 'anthropic'
      ? { type: 'error', error: { type: anthropicType(refusal.status), message } }
      : { error: { message, type: openAiType(refusal), param: null, code: `drydock_${refusal.reason}` } }
  return {
    headers: {
      'content-type': 'application/json',
      'x-drydock-denied': refusal.reason,
      // Clients of both makers obey it. A refusal stays one however often it is asked for; a fault may pass.
      'x-should-retry': passes(refusal) ? 'true' : 'false',
    },
    body: JSON.stringify(body),
  }
}

const passes = ({ status, reason }: Refusal) => (status === 429 && reason !== 'budget') || status >= 500

function openAiType({ reason, status }: Refusal): string {
  if (reason === 'budget') return 'insufficient_quota'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

function anthropicType(status: number): string {
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 413) return 'request_too_large'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}
