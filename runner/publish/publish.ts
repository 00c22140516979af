import { DrydockError } from '../../domain/errors.ts'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { PublishOutcome } from '../../domain/tasks/publishing.ts'
import { pullRequestTitle } from '../../forge/body.ts'
import type { Forge, PullRequest } from '../../forge/forge.ts'
import type { MirrorView, Mirrors, Remote } from '../../forge/mirrors.ts'

export type PublishDeps = {
  mirrors: Pick<Mirrors, 'open' | 'push'>
  remoteOf: (repository: Job['repository']) => Promise<Remote>
  /** Where pull requests are opened; undefined for plain git remotes. */
  forge: Forge | undefined
  pullRequestBody: (job: Job) => string
  /** Rejects with `stale-fence` when another runner publishes; called right before anything that leaves a trace. */
  confirmHeld: () => Promise<void>
}

export type Published =
  { outcome: PublishOutcome; timing: PhaseTiming } | { postpone: { reason: string; delayMs: number } }

const SECOND = 1000

/**
 * Pushes the commit of an attempt to its branch and opens the pull request where the forge has them. Every step can be
 * done again: the commit and the branch name are the same, and an open pull request of the branch is found.
 */
export async function publishAttempt(job: Job, deps: PublishDeps, signal: AbortSignal): Promise<Published> {
  const started = performance.now()
  const done = (outcome: PublishOutcome): Published => ({
    outcome,
    timing: { phase: 'publish', ms: Math.round(performance.now() - started) },
  })
  try {
    const pushed = await pushBranch(job, deps, signal)
    if (pushed) return done(pushed)
    const pullRequest = await openPullRequest(job, deps, signal)
    return done({ state: 'published', ...(pullRequest && { pullRequest }) })
  } catch (error) {
    if (!(error instanceof DrydockError) || error.code === 'stale-fence') throw error
    if (error.code === 'forge-unavailable' || error.code === 'rate-limited') {
      return { postpone: { reason: error.message, delayMs: retryDelay(error) } }
    }
    return done({ state: 'failed', reason: error.code, message: error.message })
  }
}

/** Resolves to an outcome when publishing ends here, to undefined when the branch is there. */
async function pushBranch(job: Job, deps: PublishDeps, signal: AbortSignal): Promise<PublishOutcome | undefined> {
  const { commit, branch } = job.attempt
  if (!commit || !branch) throw new DrydockError('no-changes', 'Cannot publish: the attempt has no changes')
  const remote = await deps.remoteOf(job.repository)
  await using view: MirrorView = await deps.mirrors.open(remote, signal)
  await deps.confirmHeld()
  const result = await deps.mirrors.push(view, remote, { commit, branch }, signal)
  switch (result.kind) {
    case 'pushed':
      return undefined
    case 'taken':
      return {
        state: 'failed',
        reason: 'branch-taken',
        message: `Cannot push branch "${branch}": the remote has a branch of that name with other commits (${result.at.slice(0, 10)}). Delete or rename it there, then publish again.`,
      }
    case 'rejected':
      return {
        state: 'failed',
        reason: 'push-rejected',
        message: `Cannot push branch "${branch}": the remote refused it: ${result.message}`,
      }
    default:
      return result satisfies never
  }
}

async function openPullRequest(job: Job, deps: PublishDeps, signal: AbortSignal): Promise<PullRequest | undefined> {
  if (!deps.forge || job.attempt.publishMode !== 'pull-request') return undefined
  const { defaultBranch } = await deps.forge.lookUp(job.repository.address, signal)
  await deps.confirmHeld()
  return deps.forge.openPullRequest(
    job.repository.address,
    {
      head: job.attempt.branch ?? '',
      base: job.task.branch ?? defaultBranch,
      title: pullRequestTitle(job.task.title),
      body: deps.pullRequestBody(job),
    },
    signal,
  )
}

/** What the forge asked for, or half a minute. */
function retryDelay(error: DrydockError): number {
  const asked = (error.cause as { retryAfterMs?: unknown } | undefined)?.retryAfterMs
  return typeof asked === 'number' && asked >= 0 ? Math.min(asked, 3600 * SECOND) : 30 * SECOND
}
