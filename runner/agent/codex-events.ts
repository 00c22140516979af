import type { AgentEvent, AgentParser } from './adapter.ts'
import { begin, createJsonParser, finish, lose } from './json-parser.ts'
import type { Act, Turn } from './json-parser.ts'
import { at, countAt, errorText, exitCodeAt, idAt, jsonAt, objectAt, objectsAt, SAID, textAt } from './said.ts'
import type { Said } from './said.ts'

export const CODEX_SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

type Stage = 'started' | 'updated' | 'completed'
type Item = { id: string; item: Said; stage: Stage }

/** Reads `codex exec --json`. */
export function createCodexParser(): AgentParser {
  const repeats = createRepeats()
  return createJsonParser((said, turn) => {
    switch (at(said, 'type')) {
      case 'thread.started':
        return sessionOf(said)
      case 'turn.started':
        return []
      case 'turn.completed':
        turn.verdict = { ok: true }
        return [...lose(turn), usageOf(objectAt(said, 'usage'))]
      case 'turn.failed':
        turn.verdict = { ok: false, error: errorText(textAt(objectAt(said, 'error'), 'message')) }
        return lose(turn)
      case 'error':
        // No end by itself: codex tells of every try to connect again.
        repeats.expect()
        return [{ t: 'notice', message: errorText(textAt(said, 'message')) }]
      case 'item.started':
        return itemEvents({ ...itemOf(said), stage: 'started' }, turn)
      case 'item.updated':
        return itemEvents({ ...itemOf(said), stage: 'updated' }, turn)
      case 'item.completed':
        return repeats.drop(itemEvents({ ...itemOf(said), stage: 'completed' }, turn))
      default:
        return undefined
    }
  })
}

function sessionOf(said: Said): AgentEvent[] | undefined {
  const id = textAt(said, 'thread_id')
  return CODEX_SESSION.test(id) ? [{ t: 'session', id }] : undefined
}

const usageOf = (usage: Said | undefined): AgentEvent => ({
  t: 'usage',
  scope: 'thread',
  input: countAt(usage, 'input_tokens'),
  cached: countAt(usage, 'cached_input_tokens'),
  output: countAt(usage, 'output_tokens'),
  reasoning: countAt(usage, 'reasoning_output_tokens'),
})

function itemOf(said: Said): { id: string; item: Said } {
  const item = objectAt(said, 'item') ?? {}
  return { id: idAt(item, 'id'), item }
}

function itemEvents(from: Item, turn: Turn): AgentEvent[] | undefined {
  const { id, item, stage } = from
  switch (at(item, 'type')) {
    case 'agent_message':
      return stage === 'completed' ? [{ t: 'message', id, text: textAt(item, 'text') }] : []
    case 'reasoning':
      return stage === 'completed' ? [{ t: 'reasoning', id, text: textAt(item, 'text', SAID.outputBytes) }] : []
    case 'error':
      return [{ t: 'notice', message: errorText(textAt(item, 'message')) }]
    case 'todo_list':
      // At the end of the turn the list comes once more as it was.
      return stage === 'completed' ? [] : [{ t: 'todo', id, items: todoItems(item) }]
    case 'command_execution':
      return act(commandOf(from), { turn, stage })
    case 'file_change':
      return act(filesOf(from), { turn, stage })
    case 'mcp_tool_call':
    case 'collab_tool_call':
    case 'web_search':
      return act(toolOf(from), { turn, stage })
    default:
      return undefined
  }
}

function act(event: Act, { turn, stage }: { turn: Turn; stage: Stage }): AgentEvent[] {
  if (stage === 'updated') return []
  return stage === 'started' ? begin(turn, event) : finish(turn, event)
}

const todoItems = (item: Said) =>
  objectsAt(item, 'items').map((each) => ({
    text: textAt(each, 'text', SAID.todoBytes),
    status: at(each, 'completed') === true ? ('done' as const) : ('pending' as const),
  }))

function commandOf({ id, item, stage }: Item): Act {
  const exitCode = exitCodeAt(item, 'exit_code')
  const ok = at(item, 'status') === 'completed' && (exitCode ?? 0) === 0
  const command = textAt(item, 'command', SAID.commandBytes)
  const output = textAt(item, 'aggregated_output', SAID.outputBytes)
  if (stage === 'started')
    return { t: 'command', id, phase: 'start', command, output: '', exitCode: null, status: 'running' }
  return { t: 'command', id, phase: 'end', command, output, exitCode, status: ok ? 'ok' : 'failed' }
}

function filesOf({ id, item, stage }: Item): Act {
  const ended = at(item, 'status') === 'completed' ? 'ok' : 'failed'
  const changes = objectsAt(item, 'changes').map((change) => ({
    path: textAt(change, 'path', SAID.pathBytes),
    kind: kindOf(at(change, 'kind')),
  }))
  return { t: 'files', id, status: stage === 'started' ? 'running' : ended, changes }
}

const kindOf = (kind: unknown): 'add' | 'update' | 'delete' => (kind === 'add' || kind === 'delete' ? kind : 'update')

function toolOf({ id, item, stage }: Item): Act {
  const tool = textAt(item, 'tool', SAID.nameBytes) || textAt(item, 'type', SAID.nameBytes)
  const server = textAt(item, 'server', SAID.nameBytes)
  const name = server ? `${server}.${tool}` : tool
  const input =
    jsonAt(item, 'arguments') || textAt(item, 'prompt', SAID.inputBytes) || textAt(item, 'query', SAID.inputBytes)
  if (stage === 'started') return { t: 'tool', id, phase: 'start', name, input, status: 'running' }
  const failed = at(item, 'status') === 'failed' || objectAt(item, 'error') !== undefined
  const said = objectsAt(objectAt(item, 'result'), 'content').map((part) => textAt(part, 'text', SAID.inputBytes))
  const output = [textAt(objectAt(item, 'error'), 'message', SAID.noticeBytes), ...said].filter(Boolean).join('\n')
  return { t: 'tool', id, phase: 'end', name, input, output, status: failed ? 'failed' : 'ok' }
}

/** After a cut stream codex says again what it had said; the second time it is dropped. */
function createRepeats() {
  let last: Extract<AgentEvent, { t: 'message' | 'reasoning' }> | undefined
  let armed = false
  return {
    expect: () => void (armed = last !== undefined),
    drop(events: AgentEvent[] | undefined): AgentEvent[] | undefined {
      return events?.filter((event) => {
        if (event.t !== 'message' && event.t !== 'reasoning') return true
        const again = armed && last?.t === event.t && last.text === event.text
        armed = again
        last = event
        return !again
      })
    },
  }
}
