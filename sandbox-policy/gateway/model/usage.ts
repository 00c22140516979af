import { isObject } from './body/json.ts'
import type { Endpoint } from './body/checked-body.ts'
import { DataLines } from './sse.ts'
import type { Tokens } from './budget.ts'

/** A longer answer in one piece is passed on, only not counted from. */
const MAX_ANSWER = 8 * 1024 * 1024

/** Watches an answer pass, for what the provider says it cost. */
export interface UsageWatch {
  push(chunk: Buffer): void
  /** At the end; undefined where the provider has not said. */
  end(): Tokens | undefined
}

/** Reads one JSON value of an answer; later values complete earlier ones. */
type Reader = (value: Record<string, unknown>, earlier: Counted | undefined) => Counted | undefined
/** `partial`: more is to come, without which it does not count. */
type Counted = Tokens & { partial?: boolean }

const READERS: Readonly<Record<Endpoint, Reader | undefined>> = {
  responses: readResponses,
  chat: readChat,
  messages: readAnthropic,
  count_tokens: undefined,
}

export function watchUsage(endpoint: Endpoint, contentType: string): UsageWatch {
  const read = READERS[endpoint]
  if (read === undefined) return { push: () => {}, end: () => undefined }
  return /^text\/event-stream\b/i.test(contentType) ? watchEvents(read) : watchWhole(read)
}

function watchEvents(read: Reader): UsageWatch {
  let found: Counted | undefined
  const lines = new DataLines('"usage"', (data) => {
    found = readJson(data, read, found) ?? found
  })
  return {
    push: (chunk) => {
      lines.push(chunk)
    },
    end: () => {
      lines.end()
      return complete(found)
    },
  }
}

function watchWhole(read: Reader): UsageWatch {
  let chunks: Buffer[] = []
  let length = 0
  return {
    push: (chunk) => {
      length += chunk.length
      if (length > MAX_ANSWER) chunks = []
      else chunks.push(chunk)
    },
    end: () =>
      length > MAX_ANSWER ? undefined : complete(readJson(Buffer.concat(chunks).toString('utf8'), read, undefined)),
  }
}

function complete(counted: Counted | undefined): Tokens | undefined {
  return counted === undefined || counted.partial === true
    ? undefined
    : { input: counted.input, output: counted.output }
}

function readJson(text: string, read: Reader, earlier: Counted | undefined): Counted | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? read(value, earlier) : undefined
  } catch {
    return undefined
  }
}

/** The answer itself, or the event that ends a stream: completed, incomplete or failed. */
function readResponses(value: Record<string, unknown>): Tokens | undefined {
  const { usage } = isObject(value.response) ? value.response : value
  return isObject(usage) ? both(usage.input_tokens, usage.output_tokens) : undefined
}

/** The last chunk's; where a provider repeats a running total in each chunk, its last one. */
function readChat({ usage }: Record<string, unknown>): Tokens | undefined {
  return isObject(usage) ? both(usage.prompt_tokens, usage.completion_tokens) : undefined
}

/** Input at the start, output at the end; cached input is not part of `input_tokens`. */
function readAnthropic(value: Record<string, unknown>, earlier: Counted | undefined): Counted | undefined {
  const { usage } = isObject(value.message) ? value.message : value
  if (!isObject(usage)) return undefined
  const cached = count(usage.cache_creation_input_tokens) + count(usage.cache_read_input_tokens)
  const input = count(usage.input_tokens) + cached
  return {
    input: Math.max(input, earlier?.input ?? 0),
    output: Math.max(count(usage.output_tokens), earlier?.output ?? 0),
    partial: isObject(value.message),
  }
}

function both(input: unknown, output: unknown): Tokens | undefined {
  if (typeof input !== 'number' && typeof output !== 'number') return undefined
  return { input: count(input), output: count(output) }
}

/** Usage is the provider's word, and still only a number from zero on. */
function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.ceil(value) : 0
}
