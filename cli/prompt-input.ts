import type { NewTaskJson, NewTurnJson } from '../api/schemas/task.ts'
import type { CliContext } from './context.ts'
import { usageError } from './errors.ts'
import { readFlagBytes } from './flag-values.ts'

const MiB = 1024 * 1024
/** As the server has it: what is too large is not sent. */
const MAX_IMAGE_BYTES = 5 * MiB

export const IMAGE_OPTION = {
  image: { type: 'string', multiple: true, value: 'FILE', help: 'a picture for the agent: PNG, JPEG, GIF or WebP' },
} as const

/** The prompt of a command: an argument, or standard input for "-" and for a pipe. */
export async function readPrompt(command: string, text: string | undefined, { stdin }: CliContext): Promise<string> {
  const isPiped = text === '-' || (text === undefined && !stdin.isTerminal)
  const prompt = isPiped ? (await stdin.read()).replace(/\n+$/, '') : (text ?? '')
  if (prompt.trim() !== '') return prompt
  const state = isPiped ? 'standard input is empty' : 'the prompt is missing'
  throw usageError(`Cannot run "${command}": ${state}. Give it as an argument, or "-" to read standard input`)
}

/** The pictures that the flags name, as the API takes them; no key at all without any. */
export async function readImages(
  paths: readonly string[] | undefined,
  cwd: string,
): Promise<Pick<NewTurnJson, 'images'>> {
  if (paths === undefined) return {}
  const images: { data: string }[] = []
  for (const path of paths) {
    const bytes = await readFlagBytes('image', { path, cwd })
    if (bytes === undefined) throw usageError('Cannot read --image: its name is empty')
    if (bytes.length > MAX_IMAGE_BYTES) {
      throw usageError(`Cannot send --image ${JSON.stringify(path)}: it is larger than ${MAX_IMAGE_BYTES / MiB} MiB`)
    }
    images.push({ data: bytes.toString('base64') })
  }
  return { images }
}

export const STARTING_DIFF_OPTION = {
  'starting-diff': { type: 'string', value: 'FILE|-', help: 'a patch that the task starts with' },
} as const

/** The patch that a flag names, as the API takes it; no key at all without one. */
export async function readStartingDiff(
  path: string | undefined,
  { cwd, stdin }: Pick<CliContext, 'cwd' | 'stdin'>,
): Promise<Pick<NewTaskJson, 'startingDiff'>> {
  if (path === undefined) return {}
  const bytes = path === '-' ? Buffer.from(await stdin.read()) : await readFlagBytes('starting-diff', { path, cwd })
  const startingDiff = bytes?.toString('utf8') ?? ''
  if (startingDiff.trim() === '') throw usageError('Cannot read --starting-diff: it is empty')
  if (bytes?.equals(Buffer.from(startingDiff)) === true) return { startingDiff }
  throw usageError('Cannot send --starting-diff: it is not UTF-8. Make it with "git diff --binary"')
}
