import type { Call } from './calls.ts'
import type { Wire } from './conversation.ts'
import type { Step, Usage } from './scenario.ts'

/** One answer to be written. */
export type Answer = {
  id: string
  model: unknown
  step: Step
  calls: readonly Call[]
  callId: (n: number) => string
  usage: Usage
  /** Ends before its end. */
  cut: boolean
}

type Send = (event: string | null, data: unknown) => void

/** How each wire streams an answer. */
export const WRITERS: Readonly<Record<Wire, (send: Send, answer: Answer) => void>> = {
  responses: writeResponses,
  chat: writeChat,
  anthropic: writeAnthropic,
}

const pieces = (text: string) => text.match(/[\s\S]{1,40}/g) ?? []

function writeResponses(send: Send, { id, model, step, calls, callId, usage, cut }: Answer): void {
  const event = (type: string, data: object) => send(type, { type, ...data })
  const output: object[] = []
  const item = (value: object, deltas: (index: number) => void = () => {}) => {
    const index = output.length
    event('response.output_item.added', { output_index: index, item: { ...value, status: 'in_progress' } })
    deltas(index)
    event('response.output_item.done', { output_index: index, item: value })
    output.push(value)
  }
  event('response.created', { response: { id, object: 'response', status: 'in_progress', model } })
  if (step.think) {
    const at = { item_id: `rs_${callId(0)}`, summary_index: 0 }
    const summary = [{ type: 'summary_text', text: step.think }]
    item({ type: 'reasoning', id: at.item_id, summary, encrypted_content: 'bW9jaw==' }, (index) => {
      const part = { type: 'summary_text', text: '' }
      event('response.reasoning_summary_part.added', { ...at, output_index: index, part })
      event('response.reasoning_summary_text.delta', { ...at, output_index: index, delta: step.think })
      event('response.reasoning_summary_text.done', { ...at, output_index: index, text: step.think })
    })
  }
  if (step.say) {
    const text = step.say
    const messageId = `msg_${callId(0)}`
    const content = [{ type: 'output_text', text, annotations: [] }]
    item({ type: 'message', id: messageId, role: 'assistant', status: 'completed', content }, (index) => {
      for (const delta of pieces(text))
        event('response.output_text.delta', { item_id: messageId, output_index: index, content_index: 0, delta })
    })
  }
  calls.forEach((call, n) => {
    const base = { id: `fc_${callId(n)}`, call_id: callId(n), name: call.name, status: 'completed' }
    if (call.input === undefined) item({ type: 'function_call', ...base, arguments: JSON.stringify(call.args) })
    else item({ type: 'custom_tool_call', ...base, input: call.input })
  })
  if (cut) return
  if (step.streamError) {
    event('response.failed', { response: { id, status: 'failed', error: step.streamError } })
    return
  }
  event('response.completed', {
    response: { id, object: 'response', status: 'completed', model, output, usage: responsesUsage(usage) },
  })
}

const responsesUsage = ({ input, cached, output, reasoning }: Usage) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})

function writeChat(send: Send, { id, model, step, calls, callId, usage, cut }: Answer): void {
  const head = { id, object: 'chat.completion.chunk', created: 0, model }
  const chunk = (delta: object, finish: string | null = null) =>
    send(null, { ...head, choices: [{ index: 0, delta, finish_reason: finish }] })
  chunk({ role: 'assistant', content: '' })
  if (step.think) chunk({ reasoning_content: step.think })
  for (const content of pieces(step.say ?? '')) chunk({ content })
  calls.forEach((call, n) => {
    const text = JSON.stringify(call.args ?? { input: call.input })
    const tool = { index: n, id: callId(n), type: 'function', function: { name: call.name, arguments: text } }
    chunk({ tool_calls: [tool] })
  })
  if (cut) return
  if (step.streamError) {
    send(null, { error: { ...step.streamError, type: 'server_error' } })
    return
  }
  chunk({}, calls.length > 0 ? 'tool_calls' : 'stop')
  send(null, { ...head, choices: [], usage: chatUsage(usage) })
  send(null, '[DONE]')
}

export const chatUsage = ({ input, cached, output, reasoning }: Usage) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached },
  completion_tokens_details: { reasoning_tokens: reasoning },
})

function writeAnthropic(send: Send, { id, model, step, calls, callId, usage, cut }: Answer): void {
  const event = (type: string, data: object) => send(type, { type, ...data })
  const begun = { input_tokens: usage.input, cache_read_input_tokens: usage.cached, cache_creation_input_tokens: 0 }
  const message = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null }
  event('message_start', { message: { ...message, usage: { ...begun, output_tokens: 1 } } })
  let index = 0
  const block = (start: object, deltas: readonly object[]) => {
    event('content_block_start', { index, content_block: start })
    for (const delta of deltas) event('content_block_delta', { index, delta })
    event('content_block_stop', { index })
    index++
  }
  if (step.think) {
    const signature = { type: 'signature_delta', signature: 'bW9jaw==' }
    block({ type: 'thinking', thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking: step.think },
      signature,
    ])
  }
  if (step.say)
    block(
      { type: 'text', text: '' },
      pieces(step.say).map((text) => ({ type: 'text_delta', text })),
    )
  calls.forEach((call, n) => {
    const json = JSON.stringify(call.args ?? { input: call.input })
    const start = { type: 'tool_use', id: `toolu_${callId(n)}`, name: call.name, input: {} }
    block(start, [{ type: 'input_json_delta', partial_json: json }])
  })
  if (cut) return
  if (step.streamError) {
    event('error', { error: { type: 'api_error', message: step.streamError.message } })
    return
  }
  const reason = { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null }
  event('message_delta', { delta: reason, usage: { output_tokens: usage.output } })
  event('message_stop', {})
}
