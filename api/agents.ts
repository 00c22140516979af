import { DrydockError } from '../domain/errors.ts'

// Whether one can run is the runner's to say: it depends on what the runner's host has.
export const AGENTS = ['command', 'codex', 'claude', 'opencode'] as const

/** Rejects with `agent-unavailable` for agents that there are not. */
export function assertAgent(agent: string): void {
  if (AGENTS.some((known) => known === agent)) return
  throw new DrydockError(
    'agent-unavailable',
    `Cannot run agent ${JSON.stringify(agent)}: it is one of ${AGENTS.join(', ')}`,
  )
}
