import type { LedgerSummary } from '../../domain/ledger/summary.ts'
import type { Job } from '../../domain/tasks/job.ts'
import { pullRequestBody } from '../../forge/body.ts'

export type BodyInput = {
  /** The agent's last message. */
  summary: string | undefined
  taskUrl: string | undefined
  /** `ledgerSummary` of the attempt; undefined when it asked nothing of the network. */
  network?: LedgerSummary | undefined
}

/** The body of an attempt's pull request. */
export function pullRequestBodyOf({ task, turn, attempt }: Job, { summary, taskUrl, network }: BodyInput): string {
  return pullRequestBody({
    prompt: turn.prompt,
    agent: task.agent,
    flagged: attempt.flagged,
    ...(summary !== undefined && { summary }),
    ...(taskUrl !== undefined && { taskUrl }),
    ...(network !== undefined && { network }),
  })
}
