import { access, constants } from 'node:fs/promises'
import type { Find } from './find.ts'

const BLOCK_BYTES = 512
const DEADLINE_MS = 20_000
/** A line is seldom longer; files with several names have more lines than there are files. */
const LINE_BYTES = 24
const NEWLINE = 10

export type Usage = { bytes: number; files: number }

/** Says whether this process may walk the folders: it is root on the engine's host. */
export async function canMeasure(folders: readonly string[]): Promise<boolean> {
  if (folders.length === 0 || process.getuid?.() !== 0) return false
  const checks = await Promise.allSettled(folders.map((folder) => access(folder, constants.R_OK | constants.X_OK)))
  return checks.every((check) => check.status === 'fulfilled')
}

/**
 * Blocks and files below some folders, by `find`: sizes would undercount small files by half. Only numbers come out of it,
 * never a name. What has many times more names than the limit has files is as good as over it.
 */
export async function measure(folders: readonly string[], limits: Usage, find: Find): Promise<Usage> {
  // A file with several names is told by its inode and counted once; a folder always has several links.
  const print = ['(', '-type', 'd', '-o', '-links', '1', ')', '-printf', '%b\\n', '-o', '-printf', '%b %i\\n']
  const { output, isCut } = await find([...folders, '-xdev', '-ignore_readdir_race', ...print], {
    maxBytes: (limits.files + 1) * LINE_BYTES,
    deadlineMs: DEADLINE_MS,
  })
  return isCut ? { bytes: Infinity, files: Infinity } : sum(output)
}

function sum(output: Buffer): Usage {
  const usage = { bytes: 0, files: 0 }
  const linked = new Set<string>()
  for (let from = 0, end = output.indexOf(NEWLINE); end >= 0; from = end + 1, end = output.indexOf(NEWLINE, from)) {
    const [blocks, inode] = output.toString('latin1', from, end).split(' ')
    if (inode !== undefined && linked.has(inode)) continue
    if (inode !== undefined) linked.add(inode)
    usage.files++
    usage.bytes += Number(blocks) * BLOCK_BYTES
  }
  return usage
}
