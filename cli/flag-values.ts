import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { CliContext } from './context.ts'
import { usageError } from './errors.ts'

type FileFlag = { path: string | undefined; cwd: string }

/** The text of a file that a flag names; none for an empty name. */
export async function readFlagFile(flag: string, file: FileFlag): Promise<string | undefined> {
  return (await readFlagBytes(flag, file))?.toString('utf8')
}

/** The bytes of a file that a flag names; none for an empty name. */
export async function readFlagBytes(flag: string, { path, cwd }: FileFlag): Promise<Buffer | undefined> {
  if (path === undefined || path === '') return undefined
  return readFile(resolve(cwd, path)).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const state = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(error)
    throw usageError(`Cannot read --${flag} ${JSON.stringify(path)}: ${state}`)
  })
}

/** A secret from a file, or from standard input for "-"; never an argument, which other people of the machine see. */
export async function readSecret(flag: string, path: string, { cwd, stdin }: CliContext): Promise<string> {
  const text = path === '-' ? await stdin.read() : ((await readFlagFile(flag, { path, cwd })) ?? '')
  const secret = text.replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw usageError(`Cannot read --${flag}: ${path === '-' ? 'standard input' : 'the file'} is empty`)
}

export function numberOf(flag: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  throw usageError(`Cannot use --${flag} ${JSON.stringify(text)}: it is not a number`)
}

/** An empty value takes away what was there. */
export const emptyAsNull = (text: string | undefined) => (text === '' ? null : text)

export function choice<T extends string>(flag: string, text: string | undefined, choices: readonly T[]): T | undefined {
  if (text === undefined) return undefined
  const chosen = choices.find((name) => name === text)
  if (chosen === undefined)
    throw usageError(`Cannot use --${flag} ${JSON.stringify(text)}: it is one of ${choices.join(', ')}`)
  return chosen
}
