import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BigIntStats } from 'node:fs'

const MAX_ENTRIES = 2000
/** Times have the grain of the kernel's clock: what changed so lately could change again unseen. */
const GRAIN_NS = 100_000_000n
const MS_IN_NS = 1_000_000n

/** Files of a git directory that decide what `ls-remote` answers, beside what is below `refs`. */
const FILES = ['HEAD', 'config', 'packed-refs', 'shallow', 'objects/info/alternates']

/**
 * A text that is another one whenever the refs of a plain repository on this machine may be others: git writes each of
 * these files anew, under another inode. Undefined where that cannot be told: for other forms of storage, settings that
 * come from elsewhere, very many loose refs, or what changed just now.
 */
export async function refState(gitDir: string, nowMs = Date.now()): Promise<string | undefined> {
  const [config, ...others] = await Promise.all([
    readFile(join(gitDir, 'config'), 'utf8').catch(() => ''),
    ...['commondir', 'reftable', 'config.worktree'].map((name) => look(join(gitDir, name))),
  ])
  if (others.some((found) => found !== undefined) || /^\s*\[\s*include|worktreeConfig/im.test(config)) return undefined
  const names = [...FILES, 'refs', ...(await below(join(gitDir, 'refs'))).map((name) => join('refs', name))]
  if (names.length > MAX_ENTRIES) return undefined
  const latest = BigInt(Math.floor(nowMs)) * MS_IN_NS - GRAIN_NS
  const found = await Promise.all(names.map((name) => look(join(gitDir, name))))
  if (found.some((stats) => stats !== undefined && stats.ctimeNs > latest)) return undefined
  return names.map((name, i) => `${name} ${wordOf(found[i])}`).join('\n')
}

async function below(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true }).catch(() => [])).sort()
}

const look = (path: string): Promise<BigIntStats | undefined> => lstat(path, { bigint: true }).catch(() => undefined)

const wordOf = (stats: BigIntStats | undefined) =>
  stats === undefined ? '-' : [stats.ino, stats.mode, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
