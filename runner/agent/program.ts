import type { Mount } from '../sandbox/sandbox.ts'

/** An agent's program on this machine, and how a sandbox gets it. */
export type AgentProgram = {
  id: 'codex' | 'claude' | 'opencode'
  version: string
  /** Of the program's file. */
  sha256: string
  mount: Mount
  /** The program inside the sandbox, below the mount. */
  argv0: string
}
