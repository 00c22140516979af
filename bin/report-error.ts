import { CliError } from '../cli/errors.ts'
import { say, styleOf, writeJson } from '../cli/context.ts'
import type { CliContext } from '../cli/context.ts'

const CONFIGURATION = new Set(['config-invalid', 'data-folder-in-use', 'port-in-use'])

/** Tells people, and with `--json` programs, what went wrong. Returns the exit code. */
export function reportError(error: unknown, { json, context }: { json: boolean; context: CliContext }): number {
  const { code, detail, exitCode } = describe(error)
  say(context, `${label(context)} ${detail}`)
  if (json) writeJson(context, { error: { code, detail } })
  return exitCode
}

function describe(error: unknown): { code: string; detail: string; exitCode: number } {
  if (error instanceof CliError) return { code: error.code, detail: error.message, exitCode: error.exitCode }
  if (isDrydockError(error)) {
    return { code: error.code, detail: error.message, exitCode: CONFIGURATION.has(error.code) ? 2 : 1 }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'internal', detail: `Cannot go on: something in Drydock broke. ${stack}`, exitCode: 1 }
}

/** The server's errors, told by name: their class would load the server's code for `--version`, too. */
function isDrydockError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && error.name === 'DrydockError' && 'code' in error && typeof error.code === 'string'
}

const label = (context: CliContext) => styleOf(context, context.err)('red', 'drydock:')
