import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'

const BLOCK_BYTES = 512
const DEADLINE_MS = 20_000

export type Usage = { bytes: number; files: number }

/** Says whether this process may walk the folders: it is root on the engine's host. */
export async function canMeasure(folders: readonly string[]): Promise<boolean> {
  if (folders.length === 0 || process.getuid?.() !== 0) return false
  const checks = await Promise.allSettled(folders.map((folder) => access(folder, constants.R_OK | constants.X_OK)))
  return checks.every((check) => check.status === 'fulfilled')
}

/**
 * Blocks and files below some folders, by `find`: sizes would undercount small files by half. Only numbers come out of
 * it, never a name. Stops early once a limit is passed, so a million files cost no more than the limit's worth.
 */
export async function measure(folders: readonly string[], limits: Usage): Promise<Usage> {
  // A file with several names is told by its inode and counted once; a folder always has several links.
  const print = ['(', '-type', 'd', '-o', '-links', '1', ')', '-printf', '%b\\n', '-o', '-printf', '%b %i\\n']
  const find = spawn('find', [...folders, '-xdev', '-ignore_readdir_race', ...print], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  const failed = new Promise<never>((_, reject) => find.once('error', reject))
  try {
    return await Promise.race([sum(find.stdout, limits), failed])
  } finally {
    find.kill('SIGKILL')
  }
}

async function sum(output: AsyncIterable<Buffer>, limits: Usage): Promise<Usage> {
  const usage = { bytes: 0, files: 0 }
  const linked = new Set<string>()
  let rest = ''
  for await (const data of output) {
    const lines = (rest + data.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [blocks, inode] = line.split(' ')
      if (inode !== undefined && linked.has(inode)) continue
      if (inode !== undefined) linked.add(inode)
      usage.files++
      usage.bytes += Number(blocks) * BLOCK_BYTES
    }
    if (usage.files > limits.files || usage.bytes > limits.bytes) break
  }
  return usage
}
