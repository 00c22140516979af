import { readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CliError, usageError } from '../../cli/errors.ts'
import { hostGit } from './host-git.ts'
import type { HostGit } from './host-git.ts'

/** A repository on this machine: someone's work tree, a linked one, or a bare one. */
export type LocalSource = {
  /** The work tree's top, or the git directory of a bare repository. */
  path: string
  isBare: boolean
  /** Every folder that is part of it. */
  folders: string[]
  /** The branch that is checked out; undefined where a bare commit is. */
  branch: string | undefined
  head: string
  uncommitted: number
  git: HostGit
}

/** Looks at the repository around a path. Rejects with exit code 2 when there is none, or nothing in it. */
export async function inspectSource(
  path: string,
  { env, configFile }: { env: NodeJS.ProcessEnv; configFile: string },
): Promise<LocalSource> {
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined)
    throw usageError(`Cannot use --repo ${JSON.stringify(path)}: there is no such folder`, 'repository-not-found')
  const found = await findGitDir(real)
  if (found === undefined)
    throw usageError(`Cannot use --repo ${JSON.stringify(path)}: it is not a git repository`, 'repository-not-found')
  const folders = await foldersOf(found)
  // git refuses folders of other people; this one was named, and no other.
  await writeFile(configFile, folders.map((folder) => `[safe]\n\tdirectory = ${quoted(folder)}\n`).join(''), {
    mode: 0o600,
  })
  const run = hostGit(env, configFile)
  const git: HostGit = (args, options) => run([`--git-dir=${found.gitDir}`, ...args], options)

  const head = await git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']).catch(() => '')
  if (head === '') {
    const branches = await git(['for-each-ref', '--count=1', 'refs/heads']).catch((error: unknown) => {
      throw usageError(
        `Cannot use --repo ${JSON.stringify(path)}: ${error instanceof Error ? error.message : ''}`,
        'repository-not-found',
      )
    })
    const state = branches === '' ? 'it has no commit yet' : 'its current branch has no commit; check out another one'
    throw usageError(`Cannot use --repo ${JSON.stringify(path)}: ${state}`, 'repository-empty')
  }
  const branch = await git(['symbolic-ref', '--quiet', '--short', 'HEAD']).catch(() => '')
  return {
    path: found.top ?? found.gitDir,
    isBare: found.top === undefined,
    folders,
    branch: branch.trim() || undefined,
    head: head.trim(),
    uncommitted: found.top === undefined ? 0 : await countUncommitted(git, found.top),
    git,
  }
}

type Found = { gitDir: string; top?: string }

async function findGitDir(folder: string): Promise<Found | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const dotGit = join(at, '.git')
    const kind = await stat(dotGit).catch(() => undefined)
    if (kind?.isDirectory()) return { gitDir: await realpath(dotGit), top: at }
    if (kind?.isFile()) {
      const target = /^gitdir: (.+)\n?$/.exec(await readFile(dotGit, 'utf8'))?.[1]
      return target === undefined ? undefined : { gitDir: await realpath(resolve(at, target)), top: at }
    }
    if (await isBare(at)) return { gitDir: at }
    if (at === dirname(at)) return undefined
  }
}

async function isBare(folder: string): Promise<boolean> {
  const kinds = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) => stat(join(folder, name)).catch(() => undefined)),
  )
  return kinds.every((kind) => kind !== undefined)
}

async function foldersOf({ gitDir, top }: Found): Promise<string[]> {
  const link = await readFile(join(gitDir, 'commondir'), 'utf8').catch(() => undefined)
  const common = link === undefined ? gitDir : await realpath(resolve(gitDir, link.trimEnd()))
  const main = common.endsWith('/.git') ? [dirname(common)] : []
  return [...new Set([...(top === undefined ? [] : [top]), gitDir, common, ...main])]
}

/** Filters are programs of that repository's choice: they are left out, and so is what only they would change. */
async function countUncommitted(git: HostGit, top: string): Promise<number> {
  const names = await git(['config', '--local', '--name-only', '--get-regexp', '^filter\\.']).catch(() => '')
  const off = names
    .split('\n')
    .filter(Boolean)
    .flatMap((name) => ['-c', `${name}=${name.endsWith('.required') ? 'false' : ''}`])
  const text = await git([
    `--work-tree=${top}`,
    ...off,
    'status',
    '--porcelain',
    '-z',
    '--ignore-submodules=all',
    '--no-renames',
  ])
  return text.split('\0').filter(Boolean).length
}

/** A value for a git configuration file. */
function quoted(text: string): string {
  if (text.includes('\n'))
    throw new CliError('repository-refused', 'Cannot use this repository: its path holds a line break', { exitCode: 2 })
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
