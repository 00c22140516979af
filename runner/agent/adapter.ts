import type { TaskMode } from '../../domain/tasks/attempt.ts'

/** The one event model of all agents. Display only: nothing is decided by it (R6). */
export type AgentEvent =
  | { t: 'session'; id: string }
  | { t: 'message'; id: string; text: string }
  | { t: 'reasoning'; id: string; text: string }
  | {
      t: 'command'
      id: string
      phase: 'start' | 'end'
      command: string
      output: string
      exitCode: number | null
      status: 'running' | 'ok' | 'failed' | 'lost'
    }
  | {
      t: 'files'
      id: string
      status: 'running' | 'ok' | 'failed'
      changes: { path: string; kind: 'add' | 'update' | 'delete' }[]
    }
  | { t: 'tool'; id: string; phase: 'start' | 'end'; name: string; status: 'running' | 'ok' | 'failed' }
  | { t: 'todo'; id: string; items: { text: string; status: 'pending' | 'active' | 'done' }[] }
  | { t: 'usage'; scope: 'thread' | 'run' | 'step'; input: number; cached: number; output: number; reasoning: number }
  | { t: 'notice'; message: string }
  | { t: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { t: 'end'; ok: boolean; error?: string }
  /** Unknown or broken: kept as text, never thrown away. */
  | { t: 'raw'; line: string }

export type AgentRun = {
  mode: TaskMode
  prompt: string
  cwd: '/workspace'
  home: '/agent-home'
  variables: Readonly<Record<string, string>>
  /** For `command`: the environment's script; undefined = the prompt is the script. */
  script?: string
  model?: string
  /** Where the model is reached; absent without a gateway. */
  gatewayUrl?: string
  images?: readonly string[]
  resume?: { sessionId: string }
}

export type LaunchFile = { path: string; content: string | Uint8Array; mode?: number }

export type Launch = {
  argv: string[]
  env: Record<string, string>
  files: LaunchFile[]
  mounts: { host: string; target: string; readonly: true }[]
  stdin: 'closed'
}

export interface AgentParser {
  /** One line of output, without its line end. Never throws. */
  push(line: string, stream: 'stdout' | 'stderr'): AgentEvent[]
  /** Marks what is open as lost and emits `end` if it is missing. */
  close(exit: { code: number | null }): AgentEvent[]
}

export interface AgentAdapter {
  id: 'command' | 'codex' | 'claude' | 'opencode'
  /** The model protocol it speaks; null needs no model, and so no network. */
  wire: 'responses' | 'anthropic' | 'chat' | null
  launch(run: AgentRun): Launch
  parser(): AgentParser
  /** Paths below the home that a follow-up needs. */
  keep: readonly string[]
  /** What asks it to end, before SIGKILL after a grace period. */
  stop: 'SIGINT' | 'SIGTERM'
}
