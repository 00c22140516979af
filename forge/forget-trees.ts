// The stores of mirrors hold what sandboxes sent: a pack for each change, of trees and files, and a loose commit on it. Here
// they are removed when the change is.

import { readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import type { RunGit } from './git.ts'
import { dropCommonIndex } from './gather-packs.ts'
import { packFolder, storesIn } from './mirror-folder.ts'

const MINUTE = 60_000
/** Whoever collects the same tree at this moment has written it a moment ago. */
const YOUNG_MS = 60 * MINUTE
const MAX_COMMIT_BYTES = 16 * 1024 * 1024

export type ForgetOptions = {
  /** Where all mirrors lie. */
  folder: string
  git: RunGit
  /** Whether one of these is the tree of a change that stays: a pack of it may have the tree of another change in a folder. */
  keepsAny: (ids: readonly string[]) => Promise<boolean>
  /** What is younger is left alone; default an hour. */
  youngMs?: number
}

/**
 * Removes the packs and commits of these trees from all stores. Packs that have commits are no sandbox's but the origin's old
 * history, which others are based on: they stay. Safe to repeat.
 */
export async function forgetTrees(trees: ReadonlySet<string>, options: ForgetOptions): Promise<void> {
  if (trees.size === 0) return
  for (const store of await storesIn(options.folder)) {
    await forgetPacks(store, trees, options)
    await forgetCommits(store, trees, options)
  }
}

async function forgetPacks(store: string, trees: ReadonlySet<string>, options: ForgetOptions): Promise<void> {
  const folder = packFolder(store)
  const indexes = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.idx'))
  for (const name of indexes) {
    const index = join(folder, name)
    if (!(await isOld(index, options))) continue
    const ids = await idsIn(index)
    if (!hasAny(ids, trees) || (await haveCommit(ids, store, options)) || (await options.keepsAny(listOf(ids))))
      continue
    await dropCommonIndex(store)
    // Git takes notice of a pack by its index: that goes first.
    await rm(index, { force: true })
    await rm(index.replace(/\.idx$/, '.pack'), { force: true })
  }
}

const HEADER_BYTES = 8
const FANOUT_BYTES = 256 * 4
const ID_BYTES = 20

/** The ids of a pack's objects, sorted, by its index of version 2: a header, a table of 256 counts, and then they. */
async function idsIn(index: string): Promise<Buffer> {
  const bytes = await readFile(index)
  const first = HEADER_BYTES + FANOUT_BYTES
  if (bytes.length < first || bytes.readUInt32BE(0) !== 0xff744f63) return Buffer.alloc(0)
  return bytes.subarray(first, first + bytes.readUInt32BE(first - 4) * ID_BYTES)
}

/** An index of the origin's history may be large: only what is looked for is looked at. */
function hasAny(ids: Buffer, trees: ReadonlySet<string>): boolean {
  return [...trees].some((tree) => {
    const wanted = Buffer.from(tree, 'hex')
    let at = ids.indexOf(wanted)
    // Bytes that run over the end of one id into the next are no id.
    while (at >= 0 && at % ID_BYTES !== 0) at = ids.indexOf(wanted, at + 1)
    return at >= 0 && wanted.length === ID_BYTES
  })
}

const listOf = (ids: Buffer): string[] => ids.toString('hex').match(/.{40}/g) ?? []

async function haveCommit(ids: Buffer, gitDir: string, { git }: ForgetOptions): Promise<boolean> {
  const stdin = `${listOf(ids).join('\n')}\n`
  const checked = await git(['cat-file', '--batch-check=%(objecttype)'], { gitDir, stdin })
  // What cannot be told is left where it is.
  return checked.code !== 0 || /^(commit|tag)$/m.test(checked.stdout.toString('latin1'))
}

async function forgetCommits(store: string, trees: ReadonlySet<string>, options: ForgetOptions): Promise<void> {
  const objects = join(store, 'objects')
  const folders = (await readdir(objects).catch(() => [])).filter((name) => /^[0-9a-f]{2}$/.test(name))
  for (const folder of folders) {
    for (const name of await readdir(join(objects, folder))) {
      const file = join(objects, folder, name)
      if ((await isOld(file, options)) && trees.has((await treeOf(file)) ?? '')) await rm(file, { force: true })
    }
  }
}

/** The tree of a loose commit; undefined for what is none. */
async function treeOf(file: string): Promise<string | undefined> {
  try {
    const text = inflateSync(await readFile(file), { maxOutputLength: MAX_COMMIT_BYTES }).toString('latin1')
    return /^commit \d+\0tree ([0-9a-f]{40})\n/.exec(text)?.[1]
  } catch {
    return undefined
  }
}

async function isOld(file: string, { youngMs = YOUNG_MS }: ForgetOptions): Promise<boolean> {
  const found = await stat(file).catch(() => undefined)
  return found?.isFile() === true && Date.now() - found.mtimeMs >= youngMs
}
