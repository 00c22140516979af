import { MODEL_FEATURES, type ModelGrant } from '../../../control.ts'
import { Refusal } from '../refusal.ts'
import { anthropicOutput, chatOutput, responsesOutput, type OutputBounds } from './output.ts'
import { countTokensBody, messagesBody } from './anthropic.ts'
import { chatBody } from './chat.ts'
import { refuse, type Check, type CheckContext } from './check.ts'
import { estimateInput } from './estimate.ts'
import { parseObject } from './json.ts'
import { responsesBody } from './responses.ts'

export type Endpoint = 'responses' | 'chat' | 'messages' | 'count_tokens'

/** A body built from what was checked. The bytes that came are never sent. */
export interface CheckedBody {
  readonly model: string
  readonly stream: boolean
  /** Upper bound of its input tokens. */
  readonly inputEstimate: number
  /** Answers asked for, each of which may be as long as the maximum. */
  readonly answers: number
  /** Tokens asked for at most, an answer; undefined where the client leaves it open. */
  readonly askedOutput: number | undefined
  /** The bytes to send, with this maximum an answer set. */
  withOutput(tokens: number): Buffer
}

const CHECKS: Readonly<Record<Endpoint, Check>> = {
  responses: responsesBody,
  chat: chatBody,
  messages: messagesBody,
  count_tokens: countTokensBody,
}

/** Checks a body field by field (R12). Throws Refusal `malformed` or `body`. */
export function checkBody(endpoint: Endpoint, bytes: Uint8Array, grant: ModelGrant): CheckedBody {
  const context: CheckContext = {
    features: new Set(grant.features),
    found: { images: 0, documents: 0, base64Weight: 0 },
  }
  const body = CHECKS[endpoint](parseObject(bytes), '', context) as Record<string, unknown>
  const model = checkModel(body.model, grant)
  force(endpoint, body)
  const bounds = outputBounds(endpoint, grant)
  return {
    model,
    stream: body.stream === true,
    inputEstimate: estimateInput(Buffer.from(JSON.stringify(body)), context.found),
    answers: typeof body.n === 'number' ? body.n : 1,
    askedOutput: bounds.asked(body),
    withOutput: (tokens) => Buffer.from(JSON.stringify(bounds.set(body, tokens))),
  }
}

/** What is set whatever the client says. */
function force(endpoint: Endpoint, body: Record<string, unknown>): void {
  if (endpoint === 'responses') {
    // The provider's default is to keep it.
    body.store = body.store === true
  } else if (endpoint === 'chat') {
    if (body.store !== true) delete body.store
    delete body.stream_options
    if (body.stream === true) body.stream_options = { include_usage: true }
  }
}

function outputBounds(endpoint: Endpoint, grant: ModelGrant): OutputBounds {
  if (endpoint === 'responses') return responsesOutput
  if (endpoint === 'chat') return chatOutput(grant.baseUrl)
  if (endpoint === 'messages') return anthropicOutput
  return { asked: () => 0, set: (body) => body }
}

/** Models that search or run code by themselves, without a tool that a body would name. */
const HOSTED_MODEL = /:online\b|search|deep-research|\bsonar|\bcompound/i

function checkModel(model: unknown, { models, features }: ModelGrant): string {
  if (typeof model !== 'string' || model === '') throw refuse('model', 'it names no model')
  if (models.length > 0) {
    if (models.includes(model)) return model
    const allowed = models.length > 10 ? `${models.slice(0, 10).join(', ')}, …` : models.join(', ')
    throw new Refusal(
      403,
      'body',
      `The model "${model.slice(0, 80)}" is not allowed for this task. Allowed: ${allowed}.`,
    )
  }
  if (HOSTED_MODEL.test(model) && !features.includes('web-search')) {
    throw refuse('model', `a model that searches by itself needs the feature "${MODEL_FEATURES[0]}"`)
  }
  return model
}
