import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { DrydockError } from '../domain/errors.ts'
import { shown } from './parse-address.ts'

/** A repository on this machine: its git directory and, where it has one, its work tree; both without symbolic links. */
export type LocalRepository = { gitDir: string; workTree?: string }

const MAX_ALTERNATES = 32

/**
 * Finds the repository at a path. It, and every folder that its objects come from (work tree links, alternates), must lie
 * below the configured folders, after symbolic links: else an address could read any repository of the machine.
 */
export async function findLocalRepository(path: string, roots: readonly string[]): Promise<LocalRepository> {
  const real = await realpath(path).catch(() => undefined)
  const inside = await rootCheck(path, roots)
  if (real === undefined) {
    // The same answer for all that is outside, so that nobody can ask which folders exist.
    inside(await nearestExisting(path))
    throw notFound(path, 'there is no such folder')
  }
  inside(real)
  const found = await gitDirOf(real)
  if (found === undefined) throw notFound(path, 'it is not a git repository')
  inside(found.gitDir)
  const common = await commonDir(found.gitDir)
  inside(common)
  for (const folder of new Set([found.gitDir, common])) await checkLinks([folder, join(folder, 'info')], inside)
  const objects = await realpath(join(common, 'objects')).catch(() => undefined)
  if (objects === undefined) throw notFound(path, 'it has no objects folder')
  await checkObjects(objects, { inside, seen: new Set() })
  return found
}

type Inside = (path: string) => void

async function rootCheck(path: string, roots: readonly string[]): Promise<Inside> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => resolve(root))))
  return (candidate) => {
    if (real.some((root) => candidate === root || candidate.startsWith(root === sep ? sep : root + sep))) return
    throw new DrydockError(
      'repository-refused',
      `Cannot use the repository ${shown(path)}: it, or a folder its objects come from, is outside the folders that the ` +
        `server may read. The setting repositoryRoots names them.`,
    )
  }
}

async function nearestExisting(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined)
    if (real !== undefined) return real
  }
}

async function gitDirOf(folder: string): Promise<LocalRepository | undefined> {
  if (await isGitDir(folder)) return { gitDir: folder }
  const dotGit = join(folder, '.git')
  const kind = await stat(dotGit).catch(() => undefined)
  if (kind?.isDirectory()) {
    const gitDir = await realpath(dotGit)
    return (await isGitDir(gitDir)) ? { gitDir, workTree: folder } : undefined
  }
  if (!kind?.isFile() || kind.size > 4096) return undefined
  const target = /^gitdir: (.+)\n?$/.exec(await readFile(dotGit, 'utf8'))?.[1]
  if (target === undefined) return undefined
  const gitDir = await realpath(resolve(folder, target)).catch(() => undefined)
  return gitDir !== undefined && (await isGitDir(gitDir)) ? { gitDir, workTree: folder } : undefined
}

async function isGitDir(folder: string): Promise<boolean> {
  const exists = (name: string) => stat(join(folder, name)).catch(() => undefined)
  const [head, objects, common] = await Promise.all([exists('HEAD'), exists('objects'), exists('commondir')])
  return head !== undefined && (objects?.isDirectory() === true || common?.isFile() === true)
}

/** A linked work tree shares the objects of its main repository. */
async function commonDir(gitDir: string): Promise<string> {
  const text = await readFile(join(gitDir, 'commondir'), 'utf8').catch(() => undefined)
  return text === undefined ? gitDir : realpath(resolve(gitDir, text.trimEnd()))
}

async function checkObjects(objects: string, walk: { inside: Inside; seen: Set<string> }): Promise<void> {
  if (walk.seen.has(objects) || walk.seen.size > MAX_ALTERNATES) return
  walk.seen.add(objects)
  walk.inside(objects)
  const names = await readdir(objects)
  await checkLinks([objects, ...names.map((name) => join(objects, name))], walk.inside)
  const text = await readFile(join(objects, 'info', 'alternates'), 'utf8').catch(() => '')
  for (const line of text.split('\n').filter((entry) => entry !== '' && !entry.startsWith('#'))) {
    const target = await realpath(resolve(objects, line)).catch(() => undefined)
    // A quoted path is read differently by git: refused like one that lies outside.
    walk.inside(line.startsWith('"') ? '' : (target ?? (await nearestExisting(resolve(objects, line)))))
    if (target !== undefined) await checkObjects(target, walk)
  }
}

/** A linked file is read as if it lay here, and git quotes lines of what it cannot read: links lead nowhere else either. */
async function checkLinks(folders: readonly string[], inside: Inside): Promise<void> {
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const link of entries.filter((entry) => entry.isSymbolicLink())) {
      const target = await realpath(join(folder, link.name)).catch(() => undefined)
      if (target !== undefined) inside(target)
    }
  }
}

function notFound(path: string, why: string): DrydockError {
  return new DrydockError('repository-not-found', `Cannot find the repository ${shown(path)}: ${why}.`)
}
