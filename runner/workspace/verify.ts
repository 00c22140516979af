import { readFile } from 'node:fs/promises'
import { CAPS } from '../../domain/environments/limits.ts'
import type { FlaggedPath } from '../../domain/tasks/attempt.ts'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'
import { flaggedLink, whyFlagged } from './flagged.ts'
import { GIT_LIMITS, OBJECT_CAPS, PATCH_TOO_LARGE, SMALL_WINDOWS } from './limits.ts'
import { badName, isGitFile } from './names.ts'
import type { Quarantine } from './quarantine.ts'
import { tooLarge } from './receive.ts'
import { parseBatch, parsePackIndex, parseRaw, parseTree } from './tree-format.ts'
import type { GitObject, RawChange } from './tree-format.ts'
import type { GitOptions, GitResult, RunGit } from '../../forge/git.ts'

const MiB = 1024 * 1024
const MAX_FLAGGED = 1000
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
const FILE_MODES = new Set(['100644', '100755', '120000'])
const TREE_MODES = new Set([...FILE_MODES, '40000', '160000'])

export type Claim = { tree: string; baseTree: string }
export type VerifyDeps = { git: RunGit; quarantine: Quarantine }
export type Verified = {
  checksum: string
  paths: string[]
  flagged: FlaggedPath[]
  /** Whether a symlink of the base made way for a folder. */
  linkBecameFolder: boolean
}

/**
 * Checks a received pack and the tree it is said to hold (R2): the pack is whole and has what the tree needs and nothing
 * else; modes, names, sizes and symlink targets of all that is new are fit to publish. Rejects with AttemptFailure.
 */
export async function verify(claim: Claim, deps: VerifyDeps, signal: AbortSignal): Promise<Verified> {
  const git = (args: readonly string[], options: Partial<GitOptions> = {}) =>
    quarantined(deps, args, { ...options, signal })
  const checksum = await indexPack(deps, git)
  const changes = await changesOf(claim, git)
  const files = changes.filter((change) => !isFolder(change))
  if (files.length > CAPS.treeEntries) throw tooLarge(`it changes more than ${CAPS.treeEntries} files`)
  // A patch names each file twice. Paths that are no cheaper to look at than to show are not looked at.
  if (files.reduce((sum, { path }) => sum + 2 * path.length, 0) > CAPS.patchBytes) throw tooLarge(PATCH_TOO_LARGE)
  for (const change of changes) checkEntry(change)

  const trees = new Set([claim.tree, ...changes.flatMap((c) => (c.newMode === '040000' ? [c.newId] : []))])
  const needed = new Set([...trees, ...files.map(({ newId }) => newId)])
  await checkNothingElse(needed, deps.quarantine)
  await checkSizes(files, git)
  await checkTrees(trees, git)
  const links = await linkTargets(files, git)
  const paths = files.map(({ path }) => textOf(path))
  const newFolders = new Set(changes.flatMap(({ newMode, path }) => (newMode === '040000' ? [path] : [])))
  const linkBecameFolder = files.some(({ oldMode, path }) => oldMode === '120000' && newFolders.has(path))
  return { checksum, paths, flagged: cut([...flaggedPaths(paths), ...links]), linkBecameFolder }
}

type Git = (args: readonly string[], options?: Partial<GitOptions>) => Promise<GitResult>

/** Host git on a quarantine, under limits. */
export function quarantined(
  { git, quarantine }: VerifyDeps,
  args: readonly string[],
  options: Partial<GitOptions>,
): Promise<GitResult> {
  const config = [...SMALL_WINDOWS, ...(options.config ?? [])]
  return git(args, { limits: GIT_LIMITS, ...options, gitDir: quarantine.gitDir, config })
}

async function indexPack({ quarantine }: VerifyDeps, git: Git): Promise<string> {
  const indexed = await git(['index-pack', '--strict', '--fsck-objects', '-o', quarantine.index, quarantine.pack])
  const checksum = /^([0-9a-f]{40})\s*$/.exec(indexed.stdout.toString('latin1'))?.[1]
  if (indexed.code === 0 && checksum !== undefined) return checksum
  if (indexed.code > 128) throw tooLarge('its objects need more memory or time to unpack than is allowed')
  throw refused(`git does not take its objects: ${plainWords(indexed.stderr)}`)
}

async function changesOf({ tree, baseTree }: Claim, git: Git): Promise<RawChange[]> {
  const raw = await git(['diff-tree', '-r', '-t', '-z', '--raw', '--no-abbrev', '--no-renames', baseTree, tree])
  if (raw.overflow) throw tooLarge(`it changes more than ${CAPS.treeEntries} files`)
  const changes = raw.code === 0 ? parseRaw(raw.stdout) : undefined
  if (changes === undefined) throw refused(`its tree is not complete: ${plainWords(raw.stderr)}`)
  return changes
}

/** A folder that is new or gone; what was in it has entries of its own. */
const isFolder = ({ oldMode, newMode }: RawChange) =>
  newMode === '040000' || (newMode === '000000' && oldMode === '040000')

const isGone = ({ newMode }: RawChange) => newMode === '000000'

/** Looks at the last name only, however deep it lies: the folders above it that changed have entries of their own. */
function checkEntry(change: RawChange): void {
  const { newMode, newId, path } = change
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (isGitFile(name, '.gitmodules'))
    throw refused(`it changes ${quoted(path)}. Submodules can only be changed by a person: leave that file as it was.`)
  if (isGone(change)) return
  if (newMode === '160000')
    throw refused(`${quoted(path)} is a submodule commit. Submodules can only be changed by a person.`)
  const bad = path.length >= OBJECT_CAPS.pathBytes ? 'its path is too long' : badName(name)
  if (bad !== undefined) throw refused(`${quoted(path)}: ${bad}`)
  if (newMode === '040000' ? newId === EMPTY_TREE : !FILE_MODES.has(newMode))
    throw refused(`${quoted(path)} is no file, symlink or folder that git would make`)
  if (newMode === '120000' && isGitFile(name)) throw refused(`${quoted(path)} is a symlink, where git wants a file`)
}

/** Objects that the tree does not need could be anything, and would be kept. */
async function checkNothingElse(needed: Set<string>, { index }: Quarantine): Promise<void> {
  const ids = parsePackIndex(await readFile(index))
  if (ids?.every((id) => needed.has(id)) !== true) throw refused('its pack holds objects that do not belong to it')
}

function add(blobs: Map<string, RawChange[]>, file: RawChange): void {
  const users = blobs.get(file.newId)
  if (users) users.push(file)
  else blobs.set(file.newId, [file])
}

/** Sizes are summed by file, not by object: that is what a checkout of it takes. */
async function checkSizes(files: readonly RawChange[], git: Git): Promise<void> {
  const blobs = new Map<string, RawChange[]>()
  for (const file of files) if (!isGone(file)) add(blobs, file)
  const listed = await git(['cat-file', '--batch-check'], { stdin: [...blobs.keys()].map((id) => `${id}\n`).join('') })
  const lines = listed.stdout.toString('latin1').split('\n').filter(Boolean)
  if (listed.code !== 0 || lines.length !== blobs.size) throw refused('its files cannot be read')
  let total = 0
  for (const line of lines) {
    const [id = '', type, size] = line.split(' ')
    const users = blobs.get(id) ?? []
    const path = quoted(users[0]?.path ?? '')
    if (type !== 'blob') throw refused(`the content of ${path} is missing`)
    if (Number(size) >= OBJECT_CAPS.pathBytes && users.some(({ newMode }) => newMode === '120000'))
      throw refused(`a symlink has an endless target, at ${path}`)
    if (Number(size) > OBJECT_CAPS.fileBytes)
      throw tooLarge(`${path} is larger than ${OBJECT_CAPS.fileBytes / MiB} MiB`)
    total += Number(size) * users.length
  }
  if (total > OBJECT_CAPS.totalBytes)
    throw tooLarge(`its files hold more than ${OBJECT_CAPS.totalBytes / MiB} MiB together`)
}

async function checkTrees(trees: ReadonlySet<string>, git: Git): Promise<void> {
  for (const { type, content } of await read([...trees], { git, maxBytes: OBJECT_CAPS.treeBytes })) {
    const entries = type === 'tree' ? parseTree(content) : undefined
    const odd = entries?.find(({ mode, name }) => !TREE_MODES.has(mode) || name.includes('/'))
    const names = new Set(entries?.map(({ name }) => name))
    if (entries === undefined || odd || names.size !== entries.length)
      throw refused(`its folders are not written as git writes them${odd ? `, at ${quoted(odd.name)}` : ''}`)
  }
}

async function linkTargets(files: readonly RawChange[], git: Git): Promise<FlaggedPath[]> {
  const links = files.filter(({ newMode }) => newMode === '120000')
  const maxBytes = links.length * (OBJECT_CAPS.pathBytes + 100)
  const targets = new Map(
    (await read([...new Set(links.map(({ newId }) => newId))], { git, maxBytes })).map(({ id, content }) => [
      id,
      content,
    ]),
  )
  return links.flatMap(({ path, newId }) => {
    const target = targets.get(newId)?.toString('latin1') ?? ''
    if (target === '' || target.length >= OBJECT_CAPS.pathBytes || target.includes('\0'))
      throw refused(`the symlink ${quoted(path)} has no target that a machine could follow`)
    return flaggedLink(textOf(path), textOf(target)) ?? []
  })
}

async function read(ids: readonly string[], { git, maxBytes }: { git: Git; maxBytes: number }): Promise<GitObject[]> {
  if (ids.length === 0) return []
  const stdin = ids.map((id) => `${id}\n`).join('')
  const output = await git(['cat-file', '--batch'], { stdin, maxOutputBytes: maxBytes })
  if (output.overflow) throw tooLarge('its folders or symlinks are too large')
  const objects = output.code === 0 ? parseBatch(output.stdout) : undefined
  if (objects?.length !== ids.length) throw refused('its folders cannot be read')
  return objects
}

function flaggedPaths(paths: readonly string[]): FlaggedPath[] {
  return paths.flatMap((path) => {
    const why = whyFlagged(path)
    return why === undefined ? [] : [{ path, why }]
  })
}

/** Beyond a thousand nobody reads on; that there are more is what counts. */
function cut(flagged: FlaggedPath[]): FlaggedPath[] {
  const more = flagged.length - MAX_FLAGGED
  return more <= 0 ? flagged : [...flagged.slice(0, MAX_FLAGGED), { path: `… ${more} more files`, why: 'as above' }]
}

const textOf = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\0', '')

const quoted = (bytes: string) => `"${plainWords(textOf(bytes))}"`

function refused(what: string): AttemptFailure {
  return new AttemptFailure('tree-refused', `Cannot take the change: ${what}`)
}
