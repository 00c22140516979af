import type { AgentAdapter } from './adapter.ts'
import { claudeAgent } from './claude.ts'
import { codexAgent } from './codex.ts'
import { commandAgent } from './command.ts'
import { opencodeAgent } from './opencode.ts'

/** Every agent that Drydock knows. Those with a wire need a model, and their program installed (`installAgents`). */
export const AGENTS: Readonly<Record<AgentAdapter['id'], AgentAdapter>> = {
  command: commandAgent,
  codex: codexAgent,
  claude: claudeAgent,
  opencode: opencodeAgent,
}
