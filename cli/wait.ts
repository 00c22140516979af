import type { TaskJson } from '../api/schemas/task.ts'
import { isChanged, lastAttempts } from './attempts.ts'
import type { Client } from './client.ts'
import { say, styleOf, writeJson } from './context.ts'
import type { CliContext } from './context.ts'
import { CliError } from './errors.ts'
import { watchTask } from './live.ts'
import { renderTask } from './render-task.ts'
import { neutralise } from './terminal.ts'

/** Shows a task live until it ends. When that breaks off, says how to come back to it. */
export async function waitFor(client: Client, task: TaskJson, context: CliContext): Promise<TaskJson> {
  say(context, `Task ${task.id}`)
  try {
    return await watchTask(client, task, context)
  } catch (error) {
    if (context.signal.aborted) {
      say(context, `\nThe task goes on. Follow it with: ${context.program} logs -f ${task.id}`)
      say(context, `Cancel it with: ${context.program} cancel ${task.id}`)
    } else if (error instanceof CliError) {
      say(context, `The task may go on. Look at it later with: ${context.program} status ${task.id}`)
    }
    throw error
  }
}

/** Prints how a task ended. Returns the exit code. */
export function finish(task: TaskJson, { json, context }: { json: boolean; context: CliContext }): number {
  if (json) writeJson(context, task)
  else if (task.mode === 'ask' && task.state === 'succeeded') writeAnswers(task, context)
  else context.out.write(`\n${renderTask(task, styleOf(context, context.out))}\n`)
  if (!json && lastAttempts(task).some(isChanged)) {
    say(context, `\nLook at the changes with: ${context.program} diff ${task.id}`)
  }
  return task.state === 'succeeded' ? 0 : 1
}

function writeAnswers(task: TaskJson, context: CliContext): void {
  for (const { answer } of lastAttempts(task)) if (answer !== null) context.out.write(`${neutralise(answer)}\n`)
}
