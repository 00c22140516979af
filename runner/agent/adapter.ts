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
      status: 'running' | 'ok' | 'failed' | 'lost'
      changes: { path: string; kind: 'add' | 'update' | 'delete' }[]
    }
  | {
      t: 'tool'
      id: string
      phase: 'start' | 'end'
      name: string
      input?: string
      output?: string
      status: 'running' | 'ok' | 'failed' | 'lost'
    }
  | { t: 'todo'; id: string; items: { text: string; status: 'pending' | 'active' | 'done' }[] }
  /** What the agent counted, `cached` and `reasoning` included. `thread` is a total over all runs of a session. */
  | { t: 'usage'; scope: 'thread' | 'run' | 'step'; input: number; cached: number; output: number; reasoning: number }
  | { t: 'notice'; message: string }
  | { t: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { t: 'end'; ok: boolean; error?: string }
  /** Unknown or broken: kept as text, never thrown away. */
  | { t: 'raw'; line: string }

export type AgentImage = { mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'; bytes: Uint8Array }

export type AgentRun = {
  mode: TaskMode
  prompt: string
  cwd: '/workspace'
  home: '/agent-home'
  variables: Readonly<Record<string, string>>
  /** For `command`: the environment's script; undefined = the prompt is the script. */
  script?: string
  /** Where the agent's program is in the sandbox; absent for `command`. */
  program?: string
  model?: string
  /** Where the model is reached, up to and with `/v1`; absent without a gateway. */
  gatewayUrl?: string
  images?: readonly AgentImage[]
  /** Goes on with a session whose files were restored. */
  resume?: { sessionId: string }
}

export type LaunchFile = { path: string; content: string | Uint8Array; mode?: number }

/** One process without standard input. */
export type Launch = {
  argv: string[]
  env: Record<string, string>
  files: LaunchFile[]
}

export interface AgentParser {
  /** One line of output, without its line end. Never throws. */
  push(line: string, stream: 'stdout' | 'stderr'): AgentEvent[]
  /** Marks what is open as lost and emits `end`. */
  close(exit: { code: number | null }): AgentEvent[]
}

export interface AgentAdapter {
  id: 'command' | 'codex' | 'claude' | 'opencode'
  /** The model protocol it speaks; null needs no model, and so no network. */
  wire: 'responses' | 'anthropic' | 'chat' | null
  /** Rejects what it cannot pass on (a model's name, a session's id) with AttemptFailure. */
  launch(run: AgentRun): Launch
  parser(): AgentParser
  /** Paths below the home that a follow-up needs: files, or folders with all that is in them. */
  keep: readonly string[]
  /** What an id of a session looks like, exactly. Absent: the agent has no sessions. */
  sessionId?: RegExp
  /** What asks it to end, before SIGKILL after a grace period. */
  stop: 'SIGINT' | 'SIGTERM'
}
