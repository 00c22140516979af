// An attempt on several repositories makes a change of each. What the attempt itself says of a change is that of the
// first; its publishing is over when that of all of them is.

import type { RepositoryAddress } from '../repositories/repositories.ts'
import type { DiffStats, FlaggedPath, PublishState } from './attempt.ts'

/** What came of one of several repositories. */
export type RepositoryChange = {
  /** The folder below /workspace. */
  name: string
  repository: RepositoryAddress & { id: string }
  baseBranch: string
  baseCommit: string
  tree: string
  /** Null where nothing was changed, or the attempt failed. */
  commit: string | null
  branch: string | null
  stats: DiffStats
  flagged: FlaggedPath[]
  publish: { state: PublishState; reason: string | null }
  pullRequest: { number: number; url: string } | null
}

/** With its patch, which is kept elsewhere: lists of attempts need not carry it. */
export type PatchedChange = RepositoryChange & { patch: Buffer }

/** What counts first for the attempt as a whole. */
const PRECEDENCE = ['pending', 'failed', 'held', 'published', 'none'] as const satisfies PublishState[]

/** How publishing stands over all repositories. */
export function publishStateOf(changes: readonly Pick<RepositoryChange, 'publish'>[]): PublishState {
  return PRECEDENCE.find((state) => changes.some(({ publish }) => publish.state === state)) ?? 'none'
}

/** Why publishing failed, by repository; null where it did not. */
export function publishFailure(changes: readonly RepositoryChange[]): string | null {
  const failed = changes.flatMap(({ name, publish }) =>
    publish.state === 'failed' ? [`${name}: ${publish.reason ?? 'it failed'}`] : [],
  )
  return failed.length === 0 ? null : failed.join(' ')
}

/** A change whose publishing ends without it: what was still pending has failed, all else is as it was. */
export const givenUp = (change: RepositoryChange, reason: string): RepositoryChange =>
  change.publish.state === 'pending' ? { ...change, publish: { state: 'failed', reason } } : change

/** Whether nothing is left to publish of a change: no commit, or all that its forge takes is there. */
export function isThrough({ commit, publish, pullRequest, repository }: RepositoryChange): boolean {
  if (commit === null) return true
  return publish.state === 'published' && (pullRequest !== null || repository.forge === 'git')
}

/** The changes as a person's word makes them: to be published, but for held ones that the word does not cover. */
export function askedFor(changes: readonly RepositoryChange[], confirmFlagged: boolean): RepositoryChange[] {
  return changes.map((change) => {
    const isHeld = change.publish.state === 'held' && !confirmFlagged
    return isThrough(change) || isHeld ? change : { ...change, publish: { state: 'pending', reason: null } }
  })
}
