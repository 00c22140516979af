import { randomBytes } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { localGit } from './git.ts'
import type { RunGit } from './git.ts'
import { parseRefs } from './refs.ts'
import type { RemoteRefs } from './refs.ts'

// One folder per remote and credential:
//   objects.git  what is reachable from the origin's heads and tags; its objects/ is mounted into sandboxes
//   store.git    what Drydock collects and publishes; alternates to objects.git/objects; never mounted, never pruned
//   fetching     the tips that a fetch in progress may orphan; there after a crash
//   stale        tips that a finished fetch orphaned; removed when their objects are

export type MirrorFolder = { objects: string; store: string; fetching: string; stale: string }

export type FolderDeps = { path: string; git: RunGit }

const MAX_PACKS = 40
/** Stands for "a fetch broke off": names no object, so that pruning looks at everything. */
const UNKNOWN_TIP = '0'.repeat(40)

export function mirrorFolder(root: string): MirrorFolder {
  return {
    objects: join(root, 'objects.git'),
    store: join(root, 'store.git'),
    fetching: join(root, 'fetching'),
    stale: join(root, 'stale'),
  }
}

export const packFolder = (gitDir: string) => join(gitDir, 'objects', 'pack')

/** The stores of all mirrors that lie in a folder; none where there is no such folder. */
export async function storesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => mirrorFolder(join(folder, name)).store)
}

/** Makes the folder, or heals what a killed process left. Only for when no git process works on it. */
export async function prepareFolder(root: string, deps: FolderDeps): Promise<void> {
  for (const name of await readdir(dirname(root)).catch(() => [])) {
    if (name.startsWith(`${basename(root)}.tmp-`)) await rm(join(dirname(root), name), { recursive: true, force: true })
  }
  if ((await stat(root).catch(() => undefined)) === undefined) await makeFolder(root, deps)
  const folder = mirrorFolder(root)
  await sweepLeftovers(folder.objects)
  await sweepLeftovers(folder.store)
  // Written each time: the data folder may have moved.
  await writeFile(join(folder.store, 'objects', 'info', 'alternates'), `${folder.objects}/objects\n`)
  const orphans = await readFile(folder.fetching, 'utf8').catch(() => undefined)
  if (orphans !== undefined) await endFetch(folder, { tips: orphans.split('\n'), complete: false })
}

/** Made under another name and renamed, so that a mirror is whole or not there. */
async function makeFolder(root: string, deps: FolderDeps): Promise<void> {
  const temporary = `${root}.tmp-${randomBytes(6).toString('hex')}`
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  const folder = mirrorFolder(temporary)
  for (const gitDir of [folder.objects, folder.store]) {
    await mkdir(gitDir)
    await localGit(
      deps.path,
      gitDir,
    )(['init', '--bare', '--quiet', '--template=', '--object-format=sha1', '--initial-branch=main'])
    await mkdir(join(gitDir, 'objects', 'info'), { recursive: true })
  }
  try {
    await rename(temporary, root)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another process made it first.
    if ((await stat(root).catch(() => undefined)) === undefined) throw error
  }
}

/** Lock files and half-written packs of a git process that was killed. Only for when none works in this git directory. */
export async function sweepLeftovers(gitDir: string): Promise<void> {
  const entries = await readdir(gitDir, { recursive: true, withFileTypes: true })
  const left = entries.filter((entry) => isLeftover(entry.name, entry.parentPath, gitDir))
  for (const entry of left) await rm(join(entry.parentPath, entry.name), { recursive: true, force: true })
}

function isLeftover(name: string, parent: string, gitDir: string): boolean {
  // No ref can end in .lock; all else of these names is temporary by git's own convention.
  if (name.endsWith('.lock') || name === 'FETCH_HEAD') return true
  // What a runner was checking when it was killed.
  if (parent === gitDir && name.startsWith('quarantine-')) return true
  return parent.startsWith(join(gitDir, 'objects')) && /^(\.?tmp[_-]|incoming-|tmp_objdir)/.test(name)
}

export async function readRefs(folder: MirrorFolder, git: RunGit): Promise<RemoteRefs> {
  const format = '%(objectname)%09%(refname)%0a%(*objectname)%09%(refname)^{}'
  const listed = await git(['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/tags'], {
    gitDir: folder.objects,
  })
  if (listed.code !== 0) throw new Error(`Cannot list the refs of a mirror: ${listed.stderr}`)
  return parseRefs(listed.stdout)
}

/** Notes, before a fetch, which tips it may orphan: a crash in between must not leave unreachable objects for ever (R5). */
export async function beginFetch(folder: MirrorFolder, tips: readonly string[]): Promise<void> {
  await writeFile(folder.fetching, tips.join('\n'))
}

/** After a fetch, complete or not: what may be orphaned counts as orphaned until `prune` has looked. */
export async function endFetch(
  folder: MirrorFolder,
  fetch: { tips: readonly string[]; complete: boolean },
): Promise<void> {
  const known = await readTips(folder)
  const all = [...new Set([...known, ...fetch.tips, ...(fetch.complete ? [] : [UNKNOWN_TIP])])].filter(
    (tip) => tip !== '',
  )
  if (all.length > 0) {
    await writeFile(`${folder.stale}.new`, all.join('\n'))
    await rename(`${folder.stale}.new`, folder.stale)
  }
  await rm(folder.fetching, { force: true })
}

async function readTips(folder: MirrorFolder): Promise<string[]> {
  return (await readFile(folder.stale, 'utf8').catch(() => '')).split('\n').filter((tip) => tip !== '')
}

export async function isStale(folder: MirrorFolder): Promise<boolean> {
  return (await readTips(folder)).length > 0 || (await countPacks(folder)) > MAX_PACKS
}

/**
 * Removes what heads and tags do not reach, and gathers packs. What goes is kept in the store, which collected and
 * published commits may need as their base. Only for when nobody holds the mirror. Safe to repeat after a crash.
 */
export async function prune(folder: MirrorFolder, deps: FolderDeps, signal: AbortSignal): Promise<void> {
  const tips = await readTips(folder)
  const orphaned = await keepOrphans(folder, { tips, git: deps.git }, signal)
  const local = localGit(deps.path, folder.objects)
  if (orphaned || (await countPacks(folder)) > MAX_PACKS) {
    await local(['pack-refs', '--all', '--prune'], signal)
    await local(['repack', '-a', '-d', '--quiet'], signal)
    await local(['prune', '--expire=now'], signal)
  }
  await rm(folder.stale, { force: true })
}

async function countPacks(folder: MirrorFolder): Promise<number> {
  const names = await readdir(packFolder(folder.objects)).catch(() => [])
  return names.filter((name) => name.endsWith('.pack')).length
}

/** Copies what only the tips reach into the store. Says whether there was anything. */
async function keepOrphans(
  folder: MirrorFolder,
  { tips, git }: { tips: readonly string[]; git: RunGit },
  signal: AbortSignal,
): Promise<boolean> {
  const gitDir = folder.objects
  const checked = await git(['cat-file', '--batch-check'], {
    gitDir,
    stdin: tips.map((tip) => `${tip}\n`).join(''),
    signal,
  })
  const present = checked.stdout
    .toString('latin1')
    .split('\n')
    .flatMap((line) => /^([0-9a-f]{40}) [a-z]+ \d+$/.exec(line)?.[1] ?? [])
  // Objects that a broken-off fetch left are reachable from no tip that is known.
  const unknown = present.length < tips.length
  if (present.length === 0) return unknown
  const { table } = await readRefs(folder, git)
  const revisions = [...present, ...[...new Set(table.values())].map((id) => `^${id}`)].join('\n')
  const left = await git(['rev-list', '--objects', '--stdin', '--max-count=1'], { gitDir, stdin: revisions, signal })
  if (left.code === 0 && left.stdout.length === 0) return unknown
  const packs = packFolder(folder.store)
  await mkdir(packs, { recursive: true })
  const packed = await git(['pack-objects', '--revs', '--quiet', join(packs, 'pack')], {
    gitDir,
    stdin: revisions,
    signal,
  })
  if (packed.code !== 0) throw new Error(`Cannot keep old commits of a mirror: ${packed.stderr}`)
  return true
}
