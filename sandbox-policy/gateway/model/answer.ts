import type { IncomingMessage } from 'node:http'
import type { SecretScanner } from '../http/credential-port.ts'
import type { Secret } from '../credentials/secret.ts'
import { Refusal } from './refusal.ts'

/** Headers of an answer that clients use. All else is the provider's own business, or names the account. */
const PASSED =
  /^(?:content-type|retry-after|retry-after-ms|x-should-retry|request-id|x-request-id|openai-processing-ms|x-ratelimit-[a-z-]+|anthropic-ratelimit-[a-z-]+)$/

export type AnswerHead = { status: number; headers: Record<string, string>; contentType: string }

/** Judges the head of an answer. Throws Refusal where nothing of it may pass. */
export function answerHead(message: IncomingMessage, secret: Secret | undefined): AnswerHead {
  const status = message.statusCode ?? 0
  if (message.rawHeaders.some((each) => secret?.isIn(each)) || secret?.isIn(message.statusMessage ?? '')) throw shown()
  if (status < 200 || status === 204 || (status >= 300 && status < 400)) {
    throw new Refusal(
      502,
      'upstream-unreachable',
      `The model’s provider answered ${status}, which Drydock does not follow.`,
    )
  }
  if (!/^(?:identity)?$/i.test((message.headers['content-encoding'] ?? '').trim())) {
    throw new Refusal(
      502,
      'secret',
      'The model’s provider sent an encoded answer, which cannot be searched for its key.',
    )
  }
  if (status === 401 || status === 407) {
    // What providers say here often quotes parts of the key.
    throw new Refusal(
      status,
      'upstream-unreachable',
      `The model’s provider refused the key of this installation (${status}).`,
    )
  }
  const contentType = message.headers['content-type'] ?? 'application/json'
  const headers: Record<string, string> = { 'content-type': contentType }
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === 'string' && PASSED.test(name)) headers[name] = value
  }
  return { status, headers, contentType }
}

/** Lets a chunk through, or throws where it shows the key. */
export function searched(part: Buffer | 'found'): Buffer {
  if (part === 'found') throw shown()
  return part
}

export const NO_SECRET: SecretScanner = { push: (chunk) => chunk, flush: () => Buffer.alloc(0) }

function shown(): Refusal {
  return new Refusal(502, 'secret', 'The answer of the model’s provider showed its key, and was stopped.')
}
