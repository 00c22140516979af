import type { LedgerSummary } from '../../domain/ledger/summary.ts'
import { pullRequestBody } from '../../forge/body.ts'
import type { Publishing } from './publish.ts'

export type BodyInput = {
  /** The agent's last message. */
  summary: string | undefined
  taskUrl: string | undefined
  /** `ledgerSummary` of the attempt; undefined when it asked nothing of the network. */
  network?: LedgerSummary | undefined
}

/** The body of an attempt's pull request. */
export function pullRequestBodyOf(
  { task, turn, attempt }: Publishing,
  { summary, taskUrl, network }: BodyInput,
): string {
  return pullRequestBody({
    prompt: turn.prompt,
    agent: task.agent,
    flagged: attempt.flagged,
    ...(summary !== undefined && { summary }),
    ...(taskUrl !== undefined && { taskUrl }),
    ...(network !== undefined && { network }),
  })
}
