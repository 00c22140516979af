// What an agent leaves is collected from each repository by itself, with a git directory, quarantine and store of its own.

import { hasCode } from '../domain/errors.ts'
import type { FailureReason, FlaggedPath } from '../domain/tasks/attempt.ts'
import type { PatchedChange } from '../domain/tasks/changes.ts'
import type { AttemptResult } from '../domain/tasks/fenced.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { Checkout, Checkouts } from './checkouts.ts'
import { eachInTurn } from './each-in-turn.ts'
import type { NonEmpty } from './each-in-turn.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import type { KeptChange } from './failure.ts'
import type { Phases } from './phases.ts'
import { printing } from './printing.ts'
import { plannedState } from './publish/planned-state.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { Base, Change, Collect } from './workspace/workspace.ts'

const MAX_FLAGGED = 200
/** What may have ended the sandbox itself: that nothing can be collected is no fault of ours. */
const LIMITS: ReadonlySet<FailureReason> = new Set(['out-of-memory', 'disk-full', 'too-many-processes'])

export type KeepDeps = {
  log: EventLog
  phases: Phases
  collect: Collect
  commit: (
    job: Job,
    view: MirrorView,
    input: { change: Change; base: Base },
  ) => Promise<{ commit: string; branch: string }>
  enter: (state: 'running' | 'collecting') => Promise<void>
  /** The files of a change that hold a secret: people must know before it is published. */
  findSecrets: (patch: Buffer) => Promise<FlaggedPath[]>
}

type Context = Pick<AttemptContext<KeepDeps>, 'job' | 'deps' | 'settings' | 'stop'>
type Left = { sandbox: Sandbox; checkouts: Checkouts }
type Committed = Change & { commit: string | null; branch: string | null }

/**
 * Collects the change of each repository and commits those in which something was changed; in turn, so that each has the
 * processors of the sandbox and the limits of host git for itself.
 */
export async function keepChanges(
  context: Context,
  left: Left,
  signal: AbortSignal,
): Promise<Pick<AttemptResult, 'answer' | 'change' | 'changes'>> {
  const { job, deps } = context
  const [first, ...others] = await eachInTurn(left.checkouts, async (checkout) => {
    const change = await collectChange(context, { ...left, checkout }, signal)
    if (change.stats.files === 0) return { ...change, commit: null, branch: null }
    return { ...change, ...(await deps.commit(job, checkout.view, { change, base: checkout.base })) }
  })
  if (others.length === 0) return { answer: null, change: first }
  return { answer: null, change: first, changes: asChanges(context, left.checkouts, [first, ...others]) }
}

/** The failure with what was changed until then, as far as that can still be collected. */
export async function withKeptChanges(context: Context, left: Left, failure: AttemptFailure): Promise<AttemptFailure> {
  const { deps, settings } = context
  try {
    await deps.enter('collecting')
    const changes = await deps.phases.run({ phase: 'collect', limitMs: settings.limits.collectMs }, ({ signal }) =>
      eachInTurn(left.checkouts, (checkout) => collectChange(context, { ...left, checkout }, signal)),
    )
    const isEmpty = changes.every(({ stats }) => stats.files === 0)
    const kept = isEmpty ? undefined : asKept(context, left.checkouts, changes)
    return new AttemptFailure(failure.reason, failure.message, { cause: failure, kept })
  } catch (error) {
    const isLimit = LIMITS.has(failure.reason) && !context.stop.signal.aborted && !hasCode(error, 'stale-fence')
    if (!(error instanceof AttemptFailure) && !isLimit) throw error
    // The failure of the agent is what people must see; without its change, if that cannot be had.
    return failure
  }
}

function asKept(context: Context, checkouts: Checkouts, changes: NonEmpty<Change>): KeptChange {
  const [{ patch, stats }] = changes
  if (changes.length === 1) return { patch, stats }
  const uncommitted = changes.map((change) => ({ ...change, commit: null, branch: null }))
  return { patch, stats, changes: asChanges(context, checkouts, uncommitted) }
}

function asChanges({ job }: Context, checkouts: Checkouts, changes: readonly Committed[]): PatchedChange[] {
  return checkouts.flatMap(({ repository: { id, forge, address }, at, base }, i) => {
    const change = changes[i]
    if (change === undefined || at.name === undefined) return []
    const { tree, commit, branch, stats, patch, flagged } = change
    const state = plannedState(job.environment, change)
    return {
      ...{ name: at.name, repository: { id, forge, address }, baseBranch: base.branch, baseCommit: base.commit },
      ...{ tree, commit, branch, stats, patch, flagged, pullRequest: null },
      publish: { state, reason: state === 'held' ? 'flagged-files' : null },
    }
  })
}

type Collecting = Left & { checkout: Checkout }

async function collectChange(
  { deps }: Context,
  { sandbox, checkouts, checkout: { view, base, at } }: Collecting,
  signal: AbortSignal,
): Promise<Change> {
  const { log } = deps
  const collected = await printing({ log, phase: 'collect' }, (onOutput) =>
    deps.collect({ sandbox, view, base, at, onOutput }, signal),
  ).catch((error: unknown) => {
    throw at.name !== undefined && error instanceof AttemptFailure ? inRepository(at.name, error) : error
  })
  const where = at.name === undefined ? '' : `${at.name}/`
  for (const message of collected.skipped) await log.write('collect', 'notice', { message: `${where}${message}` })
  const secrets = await deps.findSecrets(collected.patch)
  // Every look at a task carries the lists of all repositories together.
  const most = Math.floor(MAX_FLAGGED / checkouts.length)
  return { ...collected, flagged: listed([...secrets, ...collected.flagged], most) }
}

const inRepository = (name: string, failure: AttemptFailure) =>
  new AttemptFailure(failure.reason, `In repository "${name}": ${failure.message}`, { cause: failure })

/** Every look at a task carries this list: a change with a hundred thousand such files must not make it one of megabytes. */
function listed(flagged: readonly FlaggedPath[], most: number): FlaggedPath[] {
  if (flagged.length <= most) return [...flagged]
  const more = flagged.length - most + 1
  return [...flagged.slice(0, most - 1), { path: '…', why: `and ${more} more files like these` }]
}
