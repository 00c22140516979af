import { nameRepositories } from '../domain/environments/repositories.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Job } from '../domain/tasks/job.ts'
import { branchHead } from '../forge/mirrors.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { AttemptContext } from './attempt-context.ts'
import { eachInTurn } from './each-in-turn.ts'
import type { NonEmpty } from './each-in-turn.ts'
import { assertNothingLost, leftIn } from './earlier-turn.ts'
import type { EarlierTurn } from './earlier-turn.ts'
import { AttemptFailure } from './failure.ts'
import type { MirrorOf } from './open-mirror.ts'
import type { Mount } from './sandbox/sandbox.ts'
import { placed } from './workspace/workspace.ts'
import type { Base, Placed } from './workspace/workspace.ts'

/** One repository of an attempt: what of it is checked out, and where. */
export type Checkout = Placed & { view: MirrorView; base: Base }

/** All repositories of an attempt, the main one first. */
export type Checkouts = NonEmpty<Checkout>

export type CheckoutsDeps = {
  openMirror: (of: MirrorOf, signal: AbortSignal) => Promise<MirrorView>
  /** Undefined in a first turn, or when the turn before left nothing. */
  earlierTurn: () => Promise<EarlierTurn | undefined>
}

type Context = Pick<AttemptContext<CheckoutsDeps>, 'job' | 'deps' | 'cleanup'>

/**
 * Brings the mirrors up to date and looks up what is checked out of each: of the first the task's branch, of the others
 * their default branch. The views are held until the attempt ends.
 */
export async function openCheckouts(
  context: Context,
  signal: AbortSignal,
): Promise<{ checkouts: Checkouts; earlier: EarlierTurn | undefined }> {
  const { job, deps } = context
  assertSideBySide(job)
  const [main, ...others] = placed(job.repository, job.environment.repositories)
  const [first, ...rest] = await eachInTurn<Wanted, Opened>(
    [{ ...main, branch: job.task.branch ?? job.repository.defaultBranch }, ...others],
    (each) => open(context, each, signal),
  )
  const earlier = await deps.earlierTurn()
  if (earlier) assertNothingLost(earlier, [job.repository, ...job.environment.repositories])
  return { checkouts: [based(first, earlier), ...rest.map((each) => based(each, earlier))], earlier }
}

/** What was good when the environment was written need not be so beside the repository that an earlier claim noted. */
function assertSideBySide({ repository, environment }: Job): void {
  try {
    nameRepositories(repository, environment.repositories)
  } catch (error) {
    if (!(error instanceof DrydockError)) throw error
    throw new AttemptFailure('repository-refused', error.message, { cause: error })
  }
}

/** Without a branch, the default one. */
type Wanted = Placed & { branch?: string | null }
type Opened = Placed & { view: MirrorView; branch: string }

async function open({ deps, cleanup }: Context, { branch, ...where }: Wanted, signal: AbortSignal): Promise<Opened> {
  const view = await deps.openMirror({ ...where, branch }, signal)
  // Before anything can go wrong: a view that nobody disposes of would hold the mirror for ever.
  cleanup.defer(() => view[Symbol.asyncDispose]())
  return { ...where, view, branch: branch ?? view.defaultBranch }
}

/** A follow-up starts where the turn before did: its change is a change to that very commit. */
function based({ branch, ...opened }: Opened, earlier: EarlierTurn | undefined): Checkout {
  const { at, repository, view } = opened
  const head = branchHead(view, branch)
  if (head) return { ...opened, base: { branch, commit: leftIn(earlier, repository)?.baseCommit ?? head } }
  const whose = at.name === undefined ? 'the repository' : `the repository "${at.name}"`
  throw new AttemptFailure('branch-not-found', `Cannot check out branch "${branch}": ${whose} has no such branch`)
}

/** Mirrors, as the sandbox sees them. */
export const mirrorMounts = (checkouts: readonly Checkout[]): Mount[] =>
  checkouts.map(({ view, at }) => ({ host: view.objects, target: at.mirrorObjects }))
