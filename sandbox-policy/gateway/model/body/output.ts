import { isObject } from './json.ts'

type Body = Readonly<Record<string, unknown>>

/** Where a wire keeps the maximum of an answer's tokens. */
export type OutputBounds = {
  asked: (body: Body) => number | undefined
  /** A copy with the maximum set. */
  set: (body: Body, tokens: number) => Body
}

export const responsesOutput: OutputBounds = {
  asked: (body) => numberOf(body.max_output_tokens),
  set: (body, tokens) => ({ ...body, max_output_tokens: tokens }),
}

/**
 * Of the two names, OpenAI's newer models refuse the old one, and many other servers ignore the new one, which would leave
 * the answer unbounded. So the provider decides which is sent, not the client.
 */
export function chatOutput(baseUrl: string): OutputBounds {
  const field = /(?:^|\.)openai(?:\.azure)?\.com$/.test(new URL(baseUrl).hostname)
    ? 'max_completion_tokens'
    : 'max_tokens'
  return {
    asked: ({ max_tokens, max_completion_tokens }) => {
      const asked = [numberOf(max_tokens), numberOf(max_completion_tokens)].filter((each) => each !== undefined)
      return asked.length === 0 ? undefined : Math.min(...asked)
    },
    set: (body, tokens) => {
      const set: Record<string, unknown> = { ...body }
      delete set.max_tokens
      delete set.max_completion_tokens
      return { ...set, [field]: tokens }
    },
  }
}

const LEAST_THINKING = 1024

export const anthropicOutput: OutputBounds = {
  asked: (body) => numberOf(body.max_tokens),
  set: (body, tokens) => {
    const thinking = isObject(body.thinking) ? body.thinking : undefined
    const budget = numberOf(thinking?.budget_tokens)
    const set: Record<string, unknown> = { ...body, max_tokens: tokens }
    if (thinking === undefined || budget === undefined || budget < tokens) return set
    // A thinking budget that does not fit is an error at the provider: think less, or not at all.
    if (tokens > LEAST_THINKING) set.thinking = { ...thinking, budget_tokens: tokens - 1 }
    else delete set.thinking
    return set
  },
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
