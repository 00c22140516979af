import type { AgentEvent } from './adapter.ts'
import { cutTo } from './cut.ts'
import { begin, finish } from './json-parser.ts'
import type { Act, Turn } from './json-parser.ts'
import { asObject, at, idAt, jsonAt, objectAt, objectsAt, SAID, textAt } from './said.ts'
import type { Said } from './said.ts'
import { todoOf, todoStatus } from './todos.ts'
import type { Todo } from './todos.ts'

/** Calls that wait for their result; each is kept as what is shown of it, which is bounded. */
const MAX_CALLS = 100
const EDITORS = new Set(['Write', 'Edit', 'MultiEdit', 'NotebookEdit'])
const LISTS = ['TaskCreate', 'TaskUpdate', 'TodoWrite'] as const

type Change = { list: (typeof LISTS)[number]; subject: string; taskId: string; status: string; todos: Todo[] }
type Call = { act: Act } | { change: Change }
type Result = { failed: boolean; output: string; details: Said | undefined }

export type ClaudeCalls = {
  begin: (block: Said, turn: Turn) => AgentEvent[]
  end: (from: { block: Said; result: unknown }, turn: Turn) => AgentEvent[]
}

/** Tool calls of claude: their results name them by id only, and its list of things to do is kept by calls, too. */
export function claudeCalls(): ClaudeCalls {
  const calls = new Map<string, Call>()
  const todos = new Map<string, Todo>()
  return {
    begin(block, turn) {
      const call = callOf(block)
      if (calls.size < MAX_CALLS) calls.set(idAt(block, 'id'), call)
      return 'act' in call ? begin(turn, call.act) : []
    },
    end({ block, result }, turn) {
      const id = idAt(block, 'tool_use_id')
      const call = calls.get(id)
      if (call === undefined) return []
      calls.delete(id)
      const outcome = resultOf(block, result)
      if ('act' in call) return finish(turn, ended(call.act, outcome))
      if (outcome.failed) return []
      apply(call.change, { outcome, todos })
      return [{ t: 'todo', id: 'todo', items: [...todos.values()] }]
    },
  }
}

function callOf(block: Said): Call {
  const id = idAt(block, 'id')
  const name = textAt(block, 'name', SAID.nameBytes)
  const input = objectAt(block, 'input')
  const list = LISTS.find((each) => each === name)
  if (list !== undefined) return { change: changeOf(list, input) }
  if (name === 'Bash') {
    const command = textAt(input, 'command', SAID.commandBytes)
    return { act: { t: 'command', id, phase: 'start', command, output: '', exitCode: null, status: 'running' } }
  }
  if (EDITORS.has(name)) {
    const path = textAt(input, 'file_path', SAID.pathBytes) || textAt(input, 'notebook_path', SAID.pathBytes)
    return { act: { t: 'files', id, status: 'running', changes: [{ path, kind: 'update' }] } }
  }
  return { act: { t: 'tool', id, phase: 'start', name, input: jsonAt(block, 'input'), status: 'running' } }
}

function ended(act: Act, { failed, output, details }: Result): Act {
  const status = failed ? 'failed' : 'ok'
  if (act.t === 'command') return { ...act, phase: 'end', output, exitCode: exitCodeOf({ failed, output }), status }
  if (act.t === 'tool') return { ...act, phase: 'end', output, status }
  const kind = at(details, 'type') === 'create' ? 'add' : 'update'
  return { ...act, status, changes: act.changes.map(({ path }) => ({ path, kind })) }
}

/** It says the exit code of a failed command in words only. */
function exitCodeOf({ failed, output }: Pick<Result, 'failed' | 'output'>): number | null {
  if (!failed) return 0
  const code = /^Exit code (\d{1,3})\b/.exec(output)?.[1]
  return code === undefined ? null : Number(code)
}

function resultOf(block: Said, details: unknown): Result {
  const content = at(block, 'content')
  const parts = objectsAt(block, 'content').map((part) => textAt(part, 'text', SAID.outputBytes))
  const output = cutTo(typeof content === 'string' ? content : parts.join('\n'), SAID.outputBytes)
  return { failed: at(block, 'is_error') === true, output, details: asObject(details) }
}

const changeOf = (list: Change['list'], input: Said | undefined): Change => ({
  list,
  subject: textAt(input, 'subject', SAID.todoBytes),
  taskId: idAt(input, 'taskId'),
  status: textAt(input, 'status', SAID.nameBytes),
  todos: objectsAt(input, 'todos').map(todoOf),
})

function apply(change: Change, { outcome, todos }: { outcome: Result; todos: Map<string, Todo> }): void {
  if (change.list === 'TodoWrite') {
    todos.clear()
    change.todos.forEach((todo, i) => todos.set(String(i), todo))
  } else if (change.list === 'TaskCreate') {
    const id = idAt(objectAt(outcome.details, 'task'), 'id')
    if (todos.size < SAID.entries) todos.set(id, { text: change.subject, status: 'pending' })
  } else if (change.status === 'deleted') {
    todos.delete(change.taskId)
  } else {
    const todo = todos.get(change.taskId)
    if (todo) todos.set(change.taskId, { ...todo, status: todoStatus(change.status) ?? todo.status })
  }
}
