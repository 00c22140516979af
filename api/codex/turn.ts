import type { AttemptHead } from '../../domain/tasks/last-attempts.ts'
import type { AttemptView, TaskView, TurnView } from '../../domain/tasks/read.ts'
import { visibleText } from '../../forge/plain-text.ts'
import type { Output } from './output.ts'
import type { CodexTaskJson, CodexTurnJson } from './response.ts'
import { TURN_STATUS, currentOf, secondsOf, statusOf, updatedAt } from './status.ts'

/** The turn of a task that counts: the last. Its attempts are the turns of the assistant. */
export function lastTurn(task: TaskView): { turn: TurnView; current: AttemptView } {
  const turn = task.turns.at(-1)
  if (turn === undefined) throw new Error('a task without a turn')
  return { turn, current: currentOf(turn.attempts) }
}

/** One attempt as a turn of the assistant, among those of the same prompt. */
export function assistantTurn(
  task: TaskView,
  turn: TurnView,
  of: { attempt: AttemptView; output: Output },
): CodexTurnJson {
  const { attempt, output } = of
  return {
    id: attempt.id,
    attempt_placement: attempt.n - 1,
    turn_status: TURN_STATUS[attempt.state],
    created_at: secondsOf(attempt.startedAt ?? task.createdAt),
    sibling_turn_ids: turn.attempts.filter(({ id }) => id !== attempt.id).map(({ id }) => id),
    output_items: [
      ...output.messages.map((text) => message('assistant', text)),
      ...(output.diff === undefined ? [] : [{ type: 'output_diff' as const, diff: output.diff }]),
    ],
    ...errorOf(attempt),
  }
}

/** Everything of a task, with the diff in both places where a command looks for it. */
export function taskDetails(task: TaskView, heads: readonly AttemptHead[], output: Output): CodexTaskJson {
  const { turn, current } = lastTurn(task)
  return {
    task: {
      id: task.id,
      title: visibleText(task.title),
      archived: false,
      external_pull_requests: [],
      environment_id: task.environment,
      created_at: secondsOf(task.createdAt),
      updated_at: secondsOf(updatedAt(heads)),
      is_review: task.mode === 'review',
    },
    task_status_display: statusOf(task, heads),
    current_user_turn: { id: turn.id, input_items: [message('user', turn.prompt)] },
    current_assistant_turn: assistantTurn(task, turn, { attempt: current, output }),
    current_diff_task_turn:
      output.diff === undefined
        ? null
        : { id: current.id, output_items: [{ type: 'pr', output_diff: { diff: output.diff } }] },
  }
}

function errorOf({ state, reason, message }: AttemptView): Pick<CodexTurnJson, 'error'> {
  if (state === 'cancelled') return { error: { code: 'cancelled', message: message ?? 'It was cancelled' } }
  if (state !== 'failed') return {}
  return { error: { code: reason ?? 'failed', message: visibleText(message ?? '') } }
}

function message<R extends 'user' | 'assistant'>(role: R, text: string) {
  return { type: 'message' as const, role, content: [{ content_type: 'text' as const, text }] }
}
