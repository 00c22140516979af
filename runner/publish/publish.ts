import { DrydockError } from '../../domain/errors.ts'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { PublishOutcome } from '../../domain/tasks/publishing.ts'
import { pullRequestTitle } from '../../forge/body.ts'
import type { Forge, PullRequest } from '../../forge/forge.ts'
import type { MirrorView, Mirrors, PushResult, Remote } from '../../forge/mirrors.ts'

export type PublishDeps = {
  mirrors: Pick<Mirrors, 'open' | 'push'>
  remoteOf: (repository: Job['repository']) => Promise<Remote>
  /** Where pull requests are opened; undefined for plain git remotes. */
  forge: Forge | undefined
  pullRequestBody: () => Promise<string>
  /** Rejects with `stale-fence` when another runner publishes; called right before anything that leaves a trace. */
  confirmHeld: () => Promise<void>
}

/** The forge is busy or away. `delayMs` is what it asked for. */
export type Busy = { code: string; reason: string; delayMs?: number }
export type Published = { outcome: PublishOutcome; timing: PhaseTiming } | { busy: Busy }

type PullRequestPlan = { forge: Forge; base: string }

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
  let isPushed = false
  try {
    // Before the push: a forge that knows neither token nor repository says so best itself, and no branch is left alone.
    const plan = await planPullRequest(job, deps, signal)
    const refused = await pushBranch(job, deps, signal)
    if (refused) return done(refused)
    isPushed = true
    const pullRequest = plan && (await openPullRequest(job, { plan, deps }, signal))
    return done({ state: 'published', ...(pullRequest && { pullRequest }) })
  } catch (error) {
    if (!(error instanceof DrydockError) || error.code === 'stale-fence') throw error
    const { code } = error
    const reason = isPushed ? `${error.message} The branch "${job.attempt.branch}" is pushed.` : error.message
    if (code === 'forge-unavailable' || code === 'rate-limited') return { busy: { code, reason, ...askedDelay(error) } }
    return done({ state: 'failed', reason: code, message: reason })
  }
}

async function planPullRequest(
  { attempt, task, repository }: Job,
  { forge }: PublishDeps,
  signal: AbortSignal,
): Promise<PullRequestPlan | undefined> {
  if (!forge || attempt.publishMode !== 'pull-request') return undefined
  const { defaultBranch } = await forge.lookUp(repository.address, signal)
  // The branch that the attempt started from.
  return { forge, base: task.branch ?? repository.defaultBranch ?? defaultBranch }
}

/** Resolves to an outcome when publishing ends here, to undefined when the branch is there. */
async function pushBranch(job: Job, deps: PublishDeps, signal: AbortSignal): Promise<PublishOutcome | undefined> {
  const { commit, branch } = job.attempt
  if (!commit || !branch) throw new DrydockError('no-changes', 'Cannot publish: the attempt has no changes')
  const remote = await deps.remoteOf(job.repository)
  await using view: MirrorView = await deps.mirrors.open(remote, signal)
  await deps.confirmHeld()
  return refusal(branch, await deps.mirrors.push(view, remote, { commit, branch }, signal))
}

function refusal(branch: string, result: PushResult): PublishOutcome | undefined {
  const failed = (reason: string, why: string): PublishOutcome => ({
    state: 'failed',
    reason,
    message: `Cannot push branch "${branch}": ${why}`,
  })
  switch (result.kind) {
    case 'pushed':
      return undefined
    case 'taken':
      return failed(
        'branch-taken',
        `the remote has a branch of that name with other commits (${result.at.slice(0, 10)}). Delete or rename it there, then publish again.`,
      )
    case 'rejected':
      return failed('push-rejected', `the remote refused it: ${result.message}`)
    default:
      return result satisfies never
  }
}

async function openPullRequest(
  job: Job,
  { plan, deps }: { plan: PullRequestPlan; deps: PublishDeps },
  signal: AbortSignal,
): Promise<PullRequest> {
  const body = await deps.pullRequestBody()
  await deps.confirmHeld()
  const { address } = job.repository
  const title = pullRequestTitle(job.task.title)
  return plan.forge.openPullRequest(address, { head: job.attempt.branch ?? '', base: plan.base, title, body }, signal)
}

function askedDelay(error: DrydockError): { delayMs?: number } {
  const asked = (error.cause as { retryAfterMs?: unknown } | undefined)?.retryAfterMs
  return typeof asked === 'number' && asked >= 0 ? { delayMs: asked } : {}
}
