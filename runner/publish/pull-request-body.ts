import type { Job } from '../../domain/tasks/job.ts'
import { pullRequestBody } from '../../forge/body.ts'

export type BodyInput = {
  /** The agent's last message. */
  summary: string | undefined
  taskUrl: string | undefined
}

/** The body of an attempt's pull request. */
export function pullRequestBodyOf({ task, turn, attempt }: Job, { summary, taskUrl }: BodyInput): string {
  return pullRequestBody({
    prompt: turn.prompt,
    agent: task.agent,
    flagged: attempt.flagged,
    ...(summary !== undefined && { summary }),
    ...(taskUrl !== undefined && { taskUrl }),
  })
}
