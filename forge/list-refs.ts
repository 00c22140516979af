import { DrydockError } from '../domain/errors.ts'
import { refuse } from './addresses.ts'
import type { RunGit } from './git.ts'
import { remoteError } from './git-errors.ts'
import { shown } from './parse-address.ts'
import type { Reach } from './reach.ts'
import { refState } from './ref-state.ts'
import { parseRefs } from './refs.ts'
import type { RemoteRefs } from './refs.ts'

const LIST_TIMEOUT_MS = 60_000

/**
 * Lists refs by git, and gives the answer again while a repository on this machine is as it was: two processes of git take
 * longer than a sandbox that waits. All others are asked each time (R4).
 */
export function refLister(git: RunGit): (to: Reach, signal: AbortSignal) => Promise<RemoteRefs> {
  const known = new Map<string, { state: string; refs: RemoteRefs }>()
  return async (to, signal) => {
    const state = to.kind === 'path' ? await refState(to.url) : undefined
    const before = known.get(to.url)
    if (state !== undefined && before?.state === state) return before.refs
    const refs = await listRefs(git, to, signal)
    // Of before the question: what changed since is another state.
    if (state !== undefined) known.set(to.url, { state, refs })
    return refs
  }
}

export async function listRefs(git: RunGit, to: Reach, signal: AbortSignal): Promise<RemoteRefs> {
  const timeout = AbortSignal.timeout(LIST_TIMEOUT_MS)
  const listed = await git(['ls-remote', '--quiet', '--symref', ...to.uploadPack, '--', to.url], {
    env: to.env,
    config: to.config,
    signal: AbortSignal.any([signal, timeout]),
  }).catch((error: unknown) => {
    if (signal.aborted || !timeout.aborted) throw error
    throw new DrydockError(
      'forge-unavailable',
      `Cannot list the branches of ${shown(to.url)}: no answer within a minute.`,
    )
  })
  if (listed.overflow)
    throw new DrydockError('repository-refused', `Cannot use ${shown(to.url)}: it has too many refs.`)
  if (listed.code !== 0) throw remoteError(listed.stderr, to.url)
  if (/^[0-9a-f]{64}\t/.test(listed.stdout.toString('latin1'))) throw remoteError('mismatched algorithms', to.url)
  const refs = parseRefs(listed.stdout)
  const broken = [...refs.table].find(([, id]) => /^0+$/.test(id))
  if (broken)
    throw refuse(to.url, `its ref ${shown(broken[0])} is broken, and git fetches nothing then. Delete it there`)
  return refs
}
