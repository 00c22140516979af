import type { TaskJson } from '../api/schemas/task.ts'
import type { Client } from './client.ts'
import { styleOf } from './context.ts'
import type { CliContext } from './context.ts'
import { createProgress } from './progress.ts'
import { renderEvent } from './render-event.ts'

/** Numbers of the attempts of a task by their ids. */
export function numbersOf(task: TaskJson): Map<string, number> {
  return new Map(task.turns.flatMap(({ attempts }) => attempts.map(({ id, n }) => [id, n])))
}

/** Shows a task live on standard error until it has ended, publishing included. Resolves to how it ended. */
export async function watchTask(client: Client, task: TaskJson, context: CliContext): Promise<TaskJson> {
  const options = { style: styleOf(context, context.err), raw: false, numbers: numbersOf(task) }
  using progress = createProgress(context.err)
  progress.show('waiting for a runner …')
  for await (const event of client.followTask(task.id)) {
    if (event.phase === 'queue') continue
    const text = renderEvent(event, options)
    progress.clear()
    if (text !== undefined) context.err.write(`${text}\n`)
    if (event.kind === 'phase' && event.status === 'started') progress.show(`${event.phase} …`)
  }
  progress.clear()
  return client.readTask(task.id)
}
