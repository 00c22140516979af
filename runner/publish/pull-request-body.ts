import type { Job } from '../../domain/tasks/job.ts'
import { pullRequestBody } from '../../forge/body.ts'

/** The body of an attempt's pull request. */
export function pullRequestBodyOf({ task, turn, attempt }: Job, taskUrl: string | undefined): string {
  const { prompt } = turn
  return pullRequestBody({ prompt, agent: task.agent, flagged: attempt.flagged, ...(taskUrl && { taskUrl }) })
}
