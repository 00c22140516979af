import type { AttemptJson, TaskJson } from '../api/schemas/task.ts'
import { hasEnded, lastAttempts } from './attempts.ts'
import type { Client } from './client.ts'
import { styleOf } from './context.ts'
import type { CliContext } from './context.ts'
import { createProgress } from './progress.ts'
import { renderEvent } from './render-event.ts'
import { stateText } from './render-task.ts'
import { neutralise } from './terminal.ts'
import type { Style } from './terminal.ts'

/** Numbers of the attempts of a task by their ids. */
export function numbersOf(task: TaskJson): Map<string, number> {
  return new Map(task.turns.flatMap(({ attempts }) => attempts.map(({ id, n }) => [id, n])))
}

/** Shows a task live on standard error until it has ended, publishing included. Resolves to how it ended. */
export async function watchTask(client: Client, task: TaskJson, context: CliContext): Promise<TaskJson> {
  const style = styleOf(context, context.err)
  const options = { style, raw: false, numbers: numbersOf(task) }
  using progress = createProgress(context.err)
  progress.show('waiting for a runner …')
  const told = new Set<string>()
  const running = new Set(lastAttempts(task).map(({ id }) => id))
  for await (const event of client.followTask(task.id)) {
    // A follow-up shows what comes now; earlier turns are in the log.
    if (!running.has(event.attempt)) continue
    if (event.kind === 'state' && hasEnded({ state: String(event.state) })) told.add(event.attempt)
    if (event.phase === 'queue') continue
    const text = renderEvent(event, options)
    progress.clear()
    if (text !== undefined) context.err.write(`${text}\n`)
    if (event.kind === 'phase' && event.status === 'started') progress.show(`${event.phase} …`)
  }
  progress.clear()
  const ended = await client.readTask(task.id)
  // Where a runner was lost, no one wrote the last event.
  for (const attempt of lastAttempts(ended))
    if (!told.has(attempt.id)) context.err.write(`${endText(attempt, style)}\n`)
  return ended
}

function endText({ state, reason, message }: AttemptJson, style: Style): string {
  const why = reason === null ? '' : ` (${reason})`
  return `${stateText(state, style)}${why}${message === null ? '' : `: ${neutralise(message)}`}`
}
