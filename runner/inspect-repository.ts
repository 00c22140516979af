import type { Inspected } from '../domain/environments/inspections.ts'
import { DrydockError } from '../domain/errors.ts'
import { storable } from '../domain/storable.ts'
import type { RunGit } from '../forge/git.ts'
import { branchHead } from '../forge/mirrors.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import { detect } from './environment/detect/detect.ts'
import { MAX_FILE_BYTES, wantedFiles } from './environment/detect/files.ts'
import { GIT_LIMITS, SMALL_WINDOWS } from './workspace/limits.ts'
import { parseBatch } from './workspace/tree-format.ts'

const MiB = 1024 * 1024
const MAX_LIST_BYTES = 32 * MiB
const MAX_BATCH_BYTES = 16 * MiB
const DECLARED = '.drydock/environment.yml'

type Entry = { id: string; size: number; path: string }

/**
 * Looks into the default branch of a mirror and proposes an environment. Reads the tree and a bounded number of small
 * files with host git under limits; nothing is checked out and nothing is run.
 */
export async function inspectRepository(view: MirrorView, git: RunGit, signal: AbortSignal): Promise<Inspected> {
  const branch = view.defaultBranch
  const commit = branchHead(view, branch)
  if (commit === undefined) throw unreadable(`it has no branch "${branch}"`)
  const files = await listFiles(view, { git, commit }, signal)
  const wanted = new Set([...wantedFiles(files.map(({ path }) => path)), DECLARED])
  const texts = await readTexts(view, { git, entries: files.filter(({ path }) => wanted.has(path)) }, signal)
  const declared = files.some(({ path }) => path === DECLARED) ? declaredIn(texts) : null
  return { commit, branch, proposal: detect({ paths: files.map(({ path }) => path), texts }), declared }
}

/** The regular files of a commit whose names are text; links and submodules are left out. */
async function listFiles(
  { store }: MirrorView,
  { git, commit }: { git: RunGit; commit: string },
  signal: AbortSignal,
): Promise<Entry[]> {
  const args = ['ls-tree', '-r', '-l', '-z', '--full-tree', commit]
  const listed = await git(args, limited(store, { maxOutputBytes: MAX_LIST_BYTES, signal }))
  if (listed.overflow) throw unreadable('it has too many files to be looked at')
  if (listed.code !== 0) throw unreadable('git cannot list the files of its default branch')
  return listed.stdout
    .toString('utf8')
    .split('\0')
    .flatMap((line) => {
      const [, id, size, path] = /^100(?:644|755) blob ([0-9a-f]{40}) +(\d+)\t(.+)$/s.exec(line) ?? []
      const isText = path !== undefined && !path.includes('\ufffd')
      return id !== undefined && isText ? [{ id, size: Number(size), path }] : []
    })
}

async function readTexts(
  { store }: MirrorView,
  { git, entries }: { git: RunGit; entries: readonly Entry[] },
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const small = entries.filter(({ size }) => size <= MAX_FILE_BYTES)
  let left = MAX_BATCH_BYTES
  const chosen = small.filter(({ size }) => (left -= size + 100) > 0)
  if (chosen.length === 0) return new Map()
  const stdin = chosen.map(({ id }) => `${id}\n`).join('')
  const read = await git(['cat-file', '--batch'], limited(store, { maxOutputBytes: MAX_BATCH_BYTES, stdin, signal }))
  const objects = read.code === 0 ? parseBatch(read.stdout) : undefined
  if (objects === undefined) throw unreadable('git cannot read the files of its default branch')
  const contents = new Map(objects.map(({ id, content }) => [id, content]))
  return new Map(chosen.flatMap(({ id, path }) => textOf(contents.get(id), path)))
}

/** Files that are no text tell nothing. */
function textOf(content: Buffer | undefined, path: string): [string, string][] {
  if (content === undefined || content.includes(0)) return []
  return [[path, content.toString('utf8')]]
}

function declaredIn(texts: ReadonlyMap<string, string>): string {
  const text = texts.get(DECLARED)
  if (text !== undefined) return storable(text)
  throw unreadable(`its ${DECLARED} is larger than ${MAX_FILE_BYTES / 1024} KiB, or no text`)
}

function limited(gitDir: string, options: { maxOutputBytes: number; stdin?: string; signal: AbortSignal }) {
  return { gitDir, config: [...SMALL_WINDOWS], limits: GIT_LIMITS, ...options }
}

const unreadable = (state: string) =>
  new DrydockError('repository-refused', `Cannot look into the repository: ${state}.`)
