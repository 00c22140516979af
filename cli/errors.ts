/** What a command says when it cannot do its work. 1: the work failed; 2: wrong use or configuration. */
export class CliError extends Error {
  override name = 'CliError'
  readonly code: string
  readonly exitCode: 1 | 2

  constructor(code: string, message: string, options: ErrorOptions & { exitCode?: 1 | 2 } = {}) {
    super(message, options)
    this.code = code
    this.exitCode = options.exitCode ?? 1
  }
}

/** Rejects with exit code 2 a command that changes things where none is named. */
export function assertNamesChange(command: string, change: object): void {
  if (Object.keys(change).length > 0) return
  throw usageError(`Cannot run "${command}": nothing to change is named. See: drydock ${command} --help`)
}

/** Wrong use: the person can put it right by typing something else. */
export function usageError(message: string, code = 'usage'): CliError {
  return new CliError(code, message, { exitCode: 2 })
}
