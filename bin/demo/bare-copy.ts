import { createHash } from 'node:crypto'
import { mkdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { usageError } from '../../cli/errors.ts'
import { hostGit } from './host-git.ts'
import type { HostGit } from './host-git.ts'
import type { LocalSource } from './local-source.ts'

/** The branch that stands for a checked-out commit without one. */
const DETACHED = 'drydock-demo-start'

export type Copy = { origin: string; branch: string }

type CopyOptions = { folder: string; env: NodeJS.ProcessEnv; configFile: string }

/** Brings a local repository's branches and tags into a bare copy of ours, which tasks may push to. */
export async function copyLocal(source: LocalSource, { folder, env, configFile }: CopyOptions): Promise<Copy> {
  const origin = copyPath(folder, source.path)
  const git = hostGit(env, configFile)
  const address = source.isBare ? source.path : join(source.path, '.git')
  await refresh(git, { origin, address })
  const branch = source.branch ?? DETACHED
  if (source.branch === undefined) await fetchInto(git, { origin, address, refspecs: [`+HEAD:refs/heads/${DETACHED}`] })
  await git([`--git-dir=${origin}`, 'symbolic-ref', 'HEAD', `refs/heads/${branch}`])
  return { origin, branch }
}

/** The same for a repository elsewhere, reached with the person's own git settings and credentials. */
export async function copyRemote(url: string, { folder, env }: Omit<CopyOptions, 'configFile'>): Promise<Copy> {
  const origin = copyPath(folder, url)
  const git = hostGit(env)
  const listed = await git(['ls-remote', '--symref', '--', url, 'HEAD']).catch((error: unknown) => {
    throw usageError(
      `Cannot use --repo ${JSON.stringify(shown(url))}: ${error instanceof Error ? error.message : ''}`,
      'repository-not-found',
    )
  })
  const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(listed)?.[1]
  if (branch === undefined)
    throw usageError(
      `Cannot use --repo ${JSON.stringify(shown(url))}: it has no commit on its default branch`,
      'repository-empty',
    )
  await refresh(git, { origin, address: url })
  await git([`--git-dir=${origin}`, 'symbolic-ref', 'HEAD', `refs/heads/${branch}`])
  return { origin, branch }
}

/** Rejects with exit code 2 when a copy has no such branch, and names some that it has. */
export async function requireBranch(
  branch: string,
  { origin, env }: { origin: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  const git = hostGit(env)
  const names = (await git([`--git-dir=${origin}`, 'for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads']))
    .split('\n')
    .filter(Boolean)
  if (names.includes(branch)) return
  const some = names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '')
  throw usageError(
    `Cannot use --branch ${JSON.stringify(branch)}: the repository has no such branch. It has: ${some}`,
    'branch-not-found',
  )
}

/** Fetches; starts over where an old copy is in the way, such as a branch "a" before "a/b". */
async function refresh(git: HostGit, { origin, address }: { origin: string; address: string }): Promise<void> {
  const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']
  if (await stat(join(origin, 'HEAD')).catch(() => undefined)) {
    const isFetched = await fetchInto(git, { origin, address, refspecs }).then(
      () => true,
      () => false,
    )
    if (isFetched) return
    await rm(origin, { recursive: true, force: true })
  }
  await mkdir(origin, { recursive: true })
  await git(['init', '--quiet', '--bare', '--template=', origin])
  await fetchInto(git, { origin, address, refspecs })
}

async function fetchInto(
  git: HostGit,
  { origin, address, refspecs }: { origin: string; address: string; refspecs: string[] },
) {
  const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--update-shallow', '--no-recurse-submodules']
  await git([`--git-dir=${origin}`, 'fetch', ...flags, '--', address, ...refspecs])
}

function copyPath(folder: string, address: string): string {
  const name =
    basename(address)
      .replace(/\.git$/, '')
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[.-]+/, '') || 'repository'
  const hash = createHash('sha256').update(address).digest('hex').slice(0, 8)
  return join(folder, `${name.slice(0, 40)}-${hash}.git`)
}

const shown = (url: string) => url.replace(/\/\/[^/@]*@/, '//')
