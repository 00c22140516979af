import { DrydockError } from '../domain/errors.ts'

// The agents that need a model arrive with the gateway.
const AVAILABLE: readonly string[] = ['command']

/** Rejects with `agent-unavailable` for agents that this installation cannot run. */
export function assertAgent(agent: string): void {
  if (AVAILABLE.includes(agent)) return
  throw new DrydockError(
    'agent-unavailable',
    `Cannot run agent ${JSON.stringify(agent)}: this installation has no gateway to a model yet. Use "command"`,
  )
}
