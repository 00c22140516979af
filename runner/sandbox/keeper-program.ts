import { SHELL } from './shell.ts'
import { USERS } from './users.ts'
import type { ExecSpec } from './sandbox.ts'

/** Linux takes no longer argument. */
const MAX_PROGRAM_BYTES = 120_000
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Where it is 1, the keeper has unset what the image or the environment sets for git. */
export const CLOSED = 'DRYDOCK_CLOSED'

/** A command as the keeper takes it: a program for `sh`, the user, and what comes on standard input. */
export type KeeperProgram = { text: Buffer; uid: number; input: Uint8Array }

/**
 * A command as a program that exports its variables and becomes it; a script for the shell is that program itself, which
 * saves a start. Undefined where that would not be the same command: a name that no shell takes, a NUL, or more than fits.
 */
export function keeperProgram({
  command,
  user,
  env = {},
  cwd = '/',
  stdin,
  closed,
}: ExecSpec): KeeperProgram | undefined {
  if (stdin !== undefined && !(stdin instanceof Uint8Array)) return undefined
  const { uid, home } = USERS[user]
  const variables = Object.entries({ HOME: home, ...env, ...(closed && { [CLOSED]: '1' }) })
  const words = [cwd, ...command, ...variables.flat()]
  if (words.some((word) => word.includes('\0')) || !variables.every(([name]) => NAME.test(name))) return undefined
  const lines = [
    ...variables.map(([name, value]) => `export ${name}=${shellWord(value)}`),
    `cd ${shellWord(cwd)} || exit 126`,
    scriptOf(command) ?? `exec ${command.map(shellWord).join(' ')}`,
  ]
  const text = Buffer.from(lines.join('\n'))
  return text.length > MAX_PROGRAM_BYTES ? undefined : { text, uid, input: stdin ?? Buffer.alloc(0) }
}

function scriptOf(command: readonly string[]): string | undefined {
  const [program, flag, script, ...more] = command
  return program === SHELL && flag === '-c' && more.length === 0 ? script : undefined
}

/** One word of a shell, whatever is in it but a NUL. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
