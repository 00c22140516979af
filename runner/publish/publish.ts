import { DrydockError } from '../../domain/errors.ts'
import type { RepositoryAddress } from '../../domain/repositories/repositories.ts'
import type { ForgeIdentity } from '../../domain/people/forge-logins.ts'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { PublishedBefore } from '../../domain/tasks/published-before.ts'
import type { PublishOutcome } from '../../domain/tasks/publishing.ts'
import type { PublishPlace } from '../../domain/tasks/record-published.ts'
import { pullRequestTitle } from '../../forge/body.ts'
import type { Forge, PullRequest } from '../../forge/forge.ts'
import { branchHead } from '../../forge/mirrors.ts'
import type { HeldMirror, MirrorView, Mirrors, PushInput, PushResult, Remote } from '../../forge/mirrors.ts'

/** What is published of an attempt: its change, or that of one of several repositories. */
export type Publishing = Pick<Job, 'task' | 'turn' | 'attempt'> & {
  repository: RepositoryAddress & { id: string; defaultBranch: string | null }
}

export type PublishDeps = {
  mirrors: Pick<Mirrors, 'open' | 'hold' | 'push'>
  remoteOf: (repository: RepositoryAddress) => Promise<Remote>
  /** Where pull requests are opened; undefined for plain git remotes. */
  forge: Forge | undefined
  /** As whom it is published, undefined on plain git remotes. Rejects with `push-refused` where they may not (R25). */
  publisher: (signal: AbortSignal) => Promise<ForgeIdentity | undefined>
  pullRequestBody: () => Promise<string>
  /** What an earlier turn has published. */
  publishedBefore: () => Promise<PublishedBefore | undefined>
  /** Makes the commit of the attempt on top of another; the same one each time. */
  commitOn: (view: MirrorView, parent: string) => Promise<string>
  /** Rejects with `stale-fence` when another runner publishes; called right before anything that leaves a trace. */
  confirmHeld: () => Promise<void>
}

/** The forge is busy or away. `delayMs` is what it asked for. */
export type Busy = { code: string; reason: string; delayMs?: number }
export type Published = { outcome: PublishOutcome; timing: PhaseTiming; placed?: PublishPlace } | { busy: Busy }

type Place = { branch: string; commit: string }
type PullRequestPlan = { forge: Forge; base: string }

/**
 * Pushes the commit of an attempt to its branch, or goes on with the branch that an earlier turn has published, and opens
 * the pull request where the forge has them. Every step can be done again: the commit and the branch name are the same, and
 * an open pull request of the branch is found.
 */
export async function publishAttempt(job: Publishing, deps: PublishDeps, signal: AbortSignal): Promise<Published> {
  const started = performance.now()
  const placed: PublishPlace = { repository: job.repository.address }
  const done = (outcome: PublishOutcome): Published => ({
    outcome,
    placed,
    timing: { phase: 'publish', ms: Math.round(performance.now() - started) },
  })
  let pushed: Place | undefined
  try {
    placed.onForge = await deps.publisher(signal)
    // Before the push: a forge that knows neither token nor repository says so best itself, and no branch is left alone.
    const plan = await planPullRequest(job, deps, signal)
    const place = await pushBranch(job, deps, signal)
    if ('state' in place) return done(place)
    pushed = place
    const pullRequest = plan && (await openPullRequest(job, { plan, deps, head: place.branch }, signal))
    return done({ state: 'published', ...place, ...(pullRequest && { pullRequest }) })
  } catch (error) {
    if (!(error instanceof DrydockError) || error.code === 'stale-fence') throw error
    const { code } = error
    const reason = pushed ? `${error.message} The branch "${pushed.branch}" is pushed.` : error.message
    if (code === 'forge-unavailable' || code === 'rate-limited') return { busy: { code, reason, ...askedDelay(error) } }
    return done({ state: 'failed', reason: code, message: reason })
  }
}

async function planPullRequest(
  { attempt, task, repository }: Publishing,
  { forge }: PublishDeps,
  signal: AbortSignal,
): Promise<PullRequestPlan | undefined> {
  if (!forge || attempt.publishMode !== 'pull-request') return undefined
  const { defaultBranch } = await forge.lookUp(repository.address, signal)
  // The branch that the attempt started from.
  return { forge, base: task.branch ?? repository.defaultBranch ?? defaultBranch }
}

/** Resolves to where the commit is, or to an outcome when publishing ends here. */
async function pushBranch(job: Publishing, deps: PublishDeps, signal: AbortSignal): Promise<Place | PublishOutcome> {
  const remote = await deps.remoteOf(job.repository)
  const own = ownBranch(job)
  const before = await deps.publishedBefore()
  const push = async (held: HeldMirror, place: PushInput) => {
    await deps.confirmHeld()
    const { branch, commit } = place
    return refusal(place, await deps.mirrors.push(held, remote, place, signal)) ?? { branch, commit }
  }
  if (before === undefined) {
    await using held = await deps.mirrors.hold(remote, signal)
    return await push(held, own)
  }
  await using view = await deps.mirrors.open(remote, signal, before.branch)
  const place = await placeOf(own, { deps, view, before })
  return 'state' in place ? place : await push(view, place)
}

type Own = PushInput & { tree: string }

function ownBranch({ attempt: { commit, branch, tree } }: Pick<Publishing, 'attempt'>): Own {
  if (commit && branch && tree) return { commit, branch, tree }
  throw new DrydockError('no-changes', 'Cannot publish: the attempt has no changes')
}

type From = { deps: PublishDeps; view: MirrorView; before: PublishedBefore }

/** Where the branch of an earlier turn is still there, that one, with a commit on top; else a branch of its own. */
async function placeOf({ tree, ...own }: Own, { deps, view, before }: From): Promise<PushInput | PublishOutcome> {
  if (branchHead(view, before.branch) === undefined) return own
  if (before.isPast) {
    const message = `Cannot publish: a later turn of the task is on branch "${before.branch}" already. Publish the last turn, or go on with the task.`
    return { state: 'failed', reason: 'superseded', message }
  }
  const next = tree === before.tree ? before.commit : await deps.commitOn(view, before.commit)
  return { commit: next, branch: before.branch, replaces: before.commit }
}

function refusal({ branch, replaces }: PushInput, result: PushResult): PublishOutcome | undefined {
  const failed = (reason: string, why: string): PublishOutcome => ({
    state: 'failed',
    reason,
    message: `Cannot push branch "${branch}": ${why}`,
  })
  switch (result.kind) {
    case 'pushed':
      return undefined
    case 'taken':
      if (replaces !== undefined) return failed('branch-moved', moved(result.at, replaces))
      return failed(
        'branch-taken',
        `the remote has a branch of that name with other commits (${short(result.at)}). Delete or rename it there, then publish again.`,
      )
    case 'rejected':
      return failed('push-rejected', `the remote refused it: ${result.message}`)
    default:
      return result satisfies never
  }
}

const moved = (at: string, replaces: string) =>
  `somebody has pushed to it since Drydock did (it is at ${short(at)}, not at ${short(replaces)}), and those commits are not overwritten. To keep them, start a new task on that branch. To drop them, set the branch back to ${short(replaces)}, then publish again.`

const short = (id: string) => id.slice(0, 10)

async function openPullRequest(
  job: Publishing,
  { plan, deps, head }: { plan: PullRequestPlan; deps: PublishDeps; head: string },
  signal: AbortSignal,
): Promise<PullRequest> {
  const body = await deps.pullRequestBody()
  await deps.confirmHeld()
  const { address } = job.repository
  const title = pullRequestTitle(job.task.title)
  return plan.forge.openPullRequest(address, { head, base: plan.base, title, body }, signal)
}

function askedDelay(error: DrydockError): { delayMs?: number } {
  const asked = (error.cause as { retryAfterMs?: unknown } | undefined)?.retryAfterMs
  return typeof asked === 'number' && asked >= 0 ? { delayMs: asked } : {}
}
