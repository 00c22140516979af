import type { AgentEvent, AgentParser } from './adapter.ts'

import { createJsonParser, finish, lose } from './json-parser.ts'
import type { Turn } from './json-parser.ts'
import { at, countAt, errorText, exitCodeAt, idAt, jsonAt, objectAt, objectsAt, SAID, textAt } from './said.ts'
import type { Said } from './said.ts'
import { todoOf } from './todos.ts'

export const OPENCODE_SESSION = /^ses_[0-9a-f]{12}[0-9A-Za-z]{14}$/
const EDITORS = new Set(['write', 'edit', 'multiedit', 'patch', 'apply_patch'])

/** Reads `opencode run --format json`. It has no last word: a step that ended with `stop` is one. */
export function createOpencodeParser(): AgentParser {
  let hasSession = false
  return createJsonParser((said, turn) => {
    const events = eventsOf(said, turn)
    const id = textAt(said, 'sessionID')
    if (hasSession || events === undefined || !OPENCODE_SESSION.test(id)) return events
    hasSession = true
    return [{ t: 'session', id }, ...events]
  })
}

function eventsOf(said: Said, turn: Turn): AgentEvent[] | undefined {
  const part = objectAt(said, 'part')
  const id = idAt(part, 'id')
  switch (at(said, 'type')) {
    case 'step_start':
      turn.verdict = undefined
      return []
    case 'text':
      return [{ t: 'message', id, text: textAt(part, 'text') }]
    case 'reasoning':
      return [{ t: 'reasoning', id, text: textAt(part, 'text', SAID.outputBytes) }]
    case 'tool_use':
      return toolEvents(part, turn)
    case 'step_finish':
      return stepEnd(part, turn)
    case 'error': {
      const error = objectAt(said, 'error')
      const message = textAt(objectAt(error, 'data'), 'message') || textAt(error, 'name')
      turn.verdict = { ok: false, error: errorText(message) }
      return [...lose(turn), { t: 'notice', message: errorText(message) }]
    }
    default:
      return undefined
  }
}

function stepEnd(part: Said | undefined, turn: Turn): AgentEvent[] {
  const reason = textAt(part, 'reason', SAID.nameBytes)
  if (reason === 'stop') turn.verdict = { ok: true }
  else if (reason !== 'tool-calls') turn.verdict = { ok: false, error: `the model stopped: ${reason || 'unknown'}` }
  const tokens = objectAt(part, 'tokens')
  const cache = objectAt(tokens, 'cache')
  const cached = countAt(cache, 'read')
  const reasoning = countAt(tokens, 'reasoning')
  const input = countAt(tokens, 'input') + cached + countAt(cache, 'write')
  return [{ t: 'usage', scope: 'step', input, cached, output: countAt(tokens, 'output') + reasoning, reasoning }]
}

/** Tools are told of when they ended only. */
function toolEvents(part: Said | undefined, turn: Turn): AgentEvent[] {
  const state = objectAt(part, 'state')
  const input = objectAt(state, 'input')
  const metadata = objectAt(state, 'metadata')
  const name = textAt(part, 'tool', SAID.nameBytes)
  const id = idAt(part, 'callID')
  const failed = at(state, 'status') !== 'completed'
  const output = textAt(state, 'output', SAID.outputBytes) || textAt(state, 'error', SAID.outputBytes)
  const status = failed ? 'failed' : 'ok'
  if (name === 'todowrite' && !failed) {
    return [{ t: 'todo', id: 'todo', items: objectsAt(input, 'todos').map(todoOf) }]
  }
  if (name === 'bash') {
    const exitCode = exitCodeAt(metadata, 'exit')
    const command = textAt(input, 'command', SAID.commandBytes)
    const how = failed || (exitCode ?? 0) !== 0 ? 'failed' : 'ok'
    return finish(turn, { t: 'command', id, phase: 'end', command, output, exitCode, status: how })
  }
  const path = textAt(input, 'filePath', SAID.pathBytes)
  if (EDITORS.has(name) && path !== '') {
    const kind = at(metadata, 'exists') === false ? 'add' : 'update'
    return finish(turn, { t: 'files', id, status, changes: [{ path, kind }] })
  }
  return finish(turn, { t: 'tool', id, phase: 'end', name, input: jsonAt(state, 'input'), output, status })
}
