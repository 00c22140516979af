import { wantsColour } from './config.ts'
import type { ClientConfig } from './config.ts'
import { createStyle, escapeUnsafe } from './terminal.ts'
import type { Style } from './terminal.ts'

export type Output = { write: (text: string | Uint8Array) => void; isTerminal: boolean; columns: number }

/** What a command may touch of the world around it. */
export type CliContext = {
  config: () => ClientConfig
  /** What `--profile` names, before all commands alike. */
  profile?: string | undefined
  /** Results: what a script reads. */
  out: Output
  /** Words for people. */
  err: Output
  stdin: {
    isTerminal: boolean
    read: () => Promise<string>
    /** Asks a person at the terminal for a line that nobody sees. Rejects when they give up. */
    ask: (question: string) => Promise<string>
  }
  cwd: string
  /** The environment variables, read in one place. */
  env: Readonly<NodeJS.ProcessEnv>
  /** How this program is called, for the commands that it proposes. */
  program: string
  fetch: typeof fetch
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

export function styleOf(context: CliContext, output: Output): Style {
  return createStyle(output.isTerminal && wantsColour(context.env))
}

/** The one JSON document of a command. What a terminal could act on is escaped, which programs read as the same text. */
export function writeJson(context: CliContext, value: unknown): void {
  context.out.write(`${escapeUnsafe(JSON.stringify(value))}\n`)
}

export function say(context: CliContext, text: string): void {
  context.err.write(`${text}\n`)
}
