import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** The engine removes a tree with one open file for each level, and has some tens of thousands for all of its work. */
const MAX_DEPTH = 1000
const DEADLINE_MS = 120_000

/** Says whether folders below these lie deeper than the engine can well remove. Reads no name. */
export async function isDeep(folders: readonly string[]): Promise<boolean> {
  const found = await find([...folders, '-xdev', '-mindepth', String(MAX_DEPTH), '-printf', 'x', '-quit'])
  return found.includes('x')
}

/** Empties folders however deep they are: `find` holds few files open. Only for when nobody writes to them any more. */
export async function emptyFolders(folders: readonly string[]): Promise<void> {
  await find([...folders, '-xdev', '-mindepth', '1', '-delete'])
}

async function find(args: readonly string[]): Promise<string> {
  const child = spawn('find', args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')))
  await once(child, 'close')
  return said
}
