import type { AgentEvent, AgentParser } from './adapter.ts'
import { claudeCalls } from './claude-calls.ts'
import type { ClaudeCalls } from './claude-calls.ts'
import { createJsonParser, lose } from './json-parser.ts'
import type { Turn } from './json-parser.ts'
import { at, countAt, errorText, idAt, objectAt, objectsAt, SAID, textAt } from './said.ts'
import type { Said } from './said.ts'

export const CLAUDE_SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Steps that say nothing a person would miss. */
const QUIET = new Set([
  'thinking_tokens',
  'status',
  'compact_boundary',
  'hook_started',
  'hook_response',
  'turn_duration',
])

type Reading = { turn: Turn; calls: ClaudeCalls; lastMessage: string }

/** Reads `claude -p --output-format stream-json --verbose`. */
export function createClaudeParser(): AgentParser {
  const calls = claudeCalls()
  let lastMessage = ''
  return createJsonParser((said, turn) => {
    const reading = { turn, calls, lastMessage }
    const events = eventsOf(said, reading)
    for (const event of events ?? []) if (event.t === 'message') lastMessage = event.text
    return events
  })
}

function eventsOf(said: Said, reading: Reading): AgentEvent[] | undefined {
  switch (at(said, 'type')) {
    case 'system':
      return systemEvents(said)
    case 'assistant':
      return blocksOf(said).flatMap((block) => spoken({ said, block }, reading))
    case 'user':
      return blocksOf(said).flatMap((block) =>
        at(block, 'type') === 'tool_result'
          ? reading.calls.end({ block, result: at(said, 'tool_use_result') }, reading.turn)
          : [],
      )
    case 'result':
      return endOf(said, reading)
    default:
      return undefined
  }
}

const blocksOf = (said: Said) => objectsAt(objectAt(said, 'message'), 'content')

function systemEvents(said: Said): AgentEvent[] | undefined {
  const subtype = at(said, 'subtype')
  if (subtype === 'init') {
    const id = textAt(said, 'session_id')
    return CLAUDE_SESSION.test(id) ? [{ t: 'session', id }] : undefined
  }
  if (subtype === 'api_retry') {
    const why = [textAt(said, 'error', SAID.nameBytes), countAt(said, 'error_status') || ''].filter(Boolean).join(' ')
    const tries = `${countAt(said, 'attempt')} of ${countAt(said, 'max_retries')}`
    return [{ t: 'notice', message: `The model did not answer (${why || 'unknown'}); try ${tries} follows` }]
  }
  return typeof subtype === 'string' && QUIET.has(subtype) ? [] : undefined
}

function spoken({ said, block }: { said: Said; block: Said }, { turn, calls }: Reading): AgentEvent[] {
  const id = idAt(said, 'uuid')
  const message = objectAt(said, 'message')
  switch (at(block, 'type')) {
    case 'text': {
      const text = textAt(block, 'text')
      // What claude says itself in place of the model is no answer of the model.
      if (at(message, 'model') === '<synthetic>') return [{ t: 'notice', message: errorText(text) }]
      // Nor is what an agent that it started says to it.
      if (typeof at(said, 'parent_tool_use_id') === 'string') return [{ t: 'reasoning', id, text }]
      return [{ t: 'message', id, text }]
    }
    case 'thinking':
      return [{ t: 'reasoning', id, text: textAt(block, 'thinking', SAID.outputBytes) }]
    case 'tool_use':
      return calls.begin(block, turn)
    default:
      return []
  }
}

function endOf(said: Said, { turn, lastMessage }: Reading): AgentEvent[] {
  const text = textAt(said, 'result')
  // The subtype says "success" of a failed run, too.
  const ok = at(said, 'is_error') === false && at(said, 'subtype') === 'success'
  turn.verdict = ok ? { ok } : { ok, error: errorText(text || whyOf(said)) }
  const usage = objectAt(said, 'usage')
  const cached = countAt(usage, 'cache_read_input_tokens')
  const input = countAt(usage, 'input_tokens') + countAt(usage, 'cache_creation_input_tokens') + cached
  return [
    ...lose(turn),
    ...(ok && text !== '' && text !== lastMessage ? [{ t: 'message', id: 'result', text } as const] : []),
    {
      t: 'usage',
      scope: 'run',
      input,
      cached,
      output: countAt(usage, 'output_tokens'),
      reasoning: countAt(objectAt(usage, 'output_tokens_details'), 'thinking_tokens'),
    },
  ]
}

function whyOf(said: Said): string {
  const errors = at(said, 'errors')
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  return typeof first === 'string' ? first : textAt(said, 'subtype', SAID.nameBytes)
}
