import { DrydockError, hasCode } from '../domain/errors.ts'
import { shown } from './parse-address.ts'
import type { GitResult, RunGit } from './git.ts'
import { remoteError } from './git-errors.ts'
import { plainWords } from './plain-text.ts'
import type { PushInput, PushResult } from './mirrors.ts'
import type { Reach } from './reach.ts'
import { parseRefs } from './refs.ts'

type PushDeps = { git: RunGit; store: string; to: Reach }

/**
 * Makes a branch at a commit on the remote, or moves one on from the commit that it replaces. One that is elsewhere is never
 * changed, whatever happens in between.
 */
export async function pushCommit(deps: PushDeps, input: PushInput, signal: AbortSignal): Promise<PushResult> {
  const ref = branchRef(input)
  const { git, store, to } = deps
  const { replaces } = input
  const flags = [
    '--porcelain',
    '--no-verify',
    '--no-follow-tags',
    '--recurse-submodules=no',
    `--force-with-lease=${ref}:${replaces ?? ''}`,
  ]
  const pushed = await git(['push', ...flags, ...to.receivePack, '--', to.url, `${input.commit}:${ref}`], {
    gitDir: store,
    env: to.env,
    config: to.config,
    signal,
  })
  const line = statusLine(pushed, ref)
  if (line !== undefined && DONE.includes(line.flag)) return { kind: 'pushed' }
  // Whatever was said: the branch itself tells. The remote may have taken the commit and lost the connection.
  const at = await branchAt(deps, ref, signal)
  if (at === input.commit) return { kind: 'pushed' }
  if (at !== undefined && at !== replaces) return { kind: 'taken', at }
  if (line === undefined) throw pushError(pushed.stderr, to.url)
  return { kind: 'rejected', message: remoteWords(pushed.stderr, line.summary) }
}

/** Made, up to date, moved on, moved elsewhere. */
const DONE = ['*', '=', ' ', '+']

function branchRef({ commit, branch }: PushInput): string {
  const ref = `refs/heads/${branch}`
  const isKnown = parseRefs(Buffer.from(`${commit}\t${ref}\n`)).table.has(ref)
  if (!isKnown || branch.startsWith('-'))
    throw new DrydockError('invalid-request', `Cannot push: ${shown(branch)} is no branch name.`)
  return ref
}

function statusLine(pushed: GitResult, ref: string): { flag: string; summary: string } | undefined {
  for (const line of pushed.stdout.toString('utf8').split('\n')) {
    const [flag, refs, summary] = line.split('\t')
    if (refs?.endsWith(`:${ref}`) && flag !== undefined) return { flag, summary: summary ?? '' }
  }
  return undefined
}

async function branchAt({ git, to }: PushDeps, ref: string, signal: AbortSignal): Promise<string | undefined> {
  const listed = await git(['ls-remote', '--quiet', ...to.uploadPack, '--', to.url, ref], {
    env: to.env,
    config: to.config,
    signal,
  })
  return listed.code === 0 ? parseRefs(listed.stdout).table.get(ref) : undefined
}

function pushError(stderr: string, url: string): DrydockError {
  const error = remoteError(stderr, url)
  if (!hasCode(error, 'repository-auth')) return error
  return new DrydockError('repository-auth', `${error.message} Publishing needs a credential that may write.`)
}

/** The remote's own words, then git's reason. */
function remoteWords(stderr: string, summary: string): string {
  const remote = stderr.split(/[\r\n]+/).flatMap((line) => /^remote: ?(.*)$/.exec(line)?.[1] ?? [])
  return plainWords([...remote, summary].join(' '))
}
