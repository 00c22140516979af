import type { Fence } from '../domain/tasks/attempt.ts'
import { hasCode } from '../domain/errors.ts'
import { loadJob } from '../domain/tasks/job.ts'
import type { Job } from '../domain/tasks/job.ts'
import { ledgerSummary } from '../domain/ledger/summary.ts'
import { lastMessage } from '../domain/tasks/last-message.ts'
import { publishedBefore } from '../domain/tasks/published-before.ts'
import { settleChange, settleChanges } from '../domain/tasks/publish-changes.ts'
import { postponePublish, releasePublish, renewPublish, settlePublish } from '../domain/tasks/publishing.ts'
import type { PublishResult } from '../domain/tasks/publishing.ts'
import { attemptSettings } from './attempt-settings.ts'
import { LEASE_MS } from './lease.ts'
import { commitChange } from './publish/commit-change.ts'
import { nextTry } from './publish/next-try.ts'
import { pullRequestBodyOf } from './publish/pull-request-body.ts'
import { publishAttempt } from './publish/publish.ts'
import type { PublishDeps, Published, Publishing } from './publish/publish.ts'
import { publishChanges } from './publish/publish-changes.ts'
import type { ChangesDeps } from './publish/publish-changes.ts'
import { publisherOf } from './publish/publisher.ts'
import { retryDatabase } from './retry-database.ts'
import type { RunnerDeps } from './runner-deps.ts'

const SECOND = 1000
/** So soon a push that somebody cancelled is ended. */
const RENEW_MS = 2 * SECOND

export type PublishWorkDeps = Pick<
  RunnerDeps,
  'db' | 'leaseDb' | 'logger' | 'mirrors' | 'remoteOf' | 'forgeOf' | 'taskUrl'
>

/** Works on one claimed publishing until it is settled or postponed, or given back when the signal aborts. */
export async function workOnPublishing(fence: Fence, deps: PublishWorkDeps, signal: AbortSignal): Promise<void> {
  const { db } = deps
  const job = await retryDatabase(() => loadJob(db, fence.attemptId), withinLease())
  const limitMs = attemptSettings(job).limits.publishMs
  const limit = AbortSignal.timeout(limitMs)
  using hold = keepHold(fence, deps)
  try {
    const work = AbortSignal.any([signal, limit, hold.lost])
    const publish = async (one: Publishing) => {
      const published = await publishAttempt(one, publishDeps(one, { job, fence, deps }), work).catch(
        (error: unknown) => {
          if (hasCode(error, 'stale-fence') || work.aborted) throw error
          return ourFault(error, { fence, deps })
        },
      )
      // What was ended reads like a forge that is away.
      if ('busy' in published) work.throwIfAborted()
      return published
    }
    const published =
      job.attempt.changes.length > 0 ? await publishAll(job, { fence, deps, publish }) : await publish(job)
    await retryDatabase(() => writeEnd(job, { fence, published, deps }), withinLease())
  } catch (error) {
    // Another runner has it, which is its business, or nobody wants it any more.
    if (hasCode(error, 'stale-fence') || hold.lost.aborted) return
    if (signal.aborted) return retryDatabase(() => releasePublish(db, fence), withinLease())
    if (!limit.aborted) throw error
    await retryDatabase(() => writeEnd(job, { fence, published: tooLong(limitMs), deps }), withinLease())
  }
}

const withinLease = () => AbortSignal.timeout(LEASE_MS)

/** Renews the claim while work goes on; `lost` aborts when another runner has taken it, or somebody has cancelled it. */
function keepHold(fence: Fence, { leaseDb }: PublishWorkDeps) {
  const lost = new AbortController()
  const renew = () =>
    renewPublish(leaseDb, fence, LEASE_MS).catch((error: unknown) => {
      // A database that is away is asked again, here and before each push.
      if (hasCode(error, 'stale-fence')) lost.abort(error)
    })
  const timer = setInterval(() => void renew(), RENEW_MS)
  return { lost: lost.signal, [Symbol.dispose]: () => clearInterval(timer) }
}

type All = { fence: Fence; deps: PublishWorkDeps; publish: (one: Publishing) => Promise<Published> }

/** What is settled of several repositories is written down at once; the outcome is that of the rest. */
async function publishAll(job: Job, { fence, deps, publish }: All): Promise<Published> {
  const started = performance.now()
  const settle: ChangesDeps['settle'] = (name, { outcome, placed }) =>
    retryDatabase(() => settleChange(deps.db, fence, { name, outcome, placed }), withinLease())
  const busy = await publishChanges(job, { publish, settle })
  if (busy) return { busy }
  return { outcome: { state: 'published' }, timing: { phase: 'publish', ms: Math.round(performance.now() - started) } }
}

type Publisher = { job: Job; fence: Fence; deps: PublishWorkDeps }

/** `one` is what is published of a job: its only change, or that of one repository. */
function publishDeps(one: Publishing, { job, fence, deps }: Publisher): PublishDeps {
  const { db, mirrors, remoteOf } = deps
  const taskId = job.task.id
  return {
    mirrors,
    remoteOf,
    forge: deps.forgeOf(one.repository),
    publisher: (signal) => publisherOf(one, { environment: job.environment, deps }, signal),
    publishedBefore: () =>
      retryDatabase(
        () => publishedBefore(db, { attemptId: fence.attemptId, repositoryId: one.repository.id }),
        withinLease(),
      ),
    async commitOn(view, parent) {
      const { tree } = one.attempt
      if (tree === null) throw new Error('an attempt without a tree is published')
      return (await commitChange({ job, view, change: { tree }, base: { commit: parent } }, deps)).commit
    },
    pullRequestBody: async () => {
      const summary = await retryDatabase(() => lastMessage(db, { taskId, ...fence }), withinLease())
      const network = await retryDatabase(() => ledgerSummary(db, fence.attemptId), withinLease())
      return pullRequestBodyOf(one, { summary, network, taskUrl: deps.taskUrl(taskId) })
    },
    confirmHeld: () => retryDatabase(() => renewPublish(db, fence, LEASE_MS), withinLease()),
  }
}

type End = { fence: Fence; published: Published; deps: PublishWorkDeps }

async function writeEnd(job: Job, { fence, published, deps: { db } }: End): Promise<void> {
  const mode = job.attempt.publishMode
  if ('outcome' in published) return settle(job, { fence, result: { ...published, mode }, db })
  const next = nextTry(published.busy, job.attempt.publishTries, Date.now())
  if ('delayMs' in next) return postponePublish(db, fence, next)
  const result = { outcome: next.failed, timing: { phase: 'publish' as const, ms: 0 }, mode }
  return settle(job, { fence, result, db })
}

type Settling = { fence: Fence; result: PublishResult; db: PublishWorkDeps['db'] }

async function settle({ attempt }: Job, { fence, result, db }: Settling): Promise<void> {
  if (attempt.changes.length > 0) return settleChanges(db, fence, result)
  return settlePublish(db, fence, result)
}

function tooLong(limitMs: number): Published {
  const reason = `Cannot publish: it did not end within its limit of ${Math.round(limitMs / SECOND)} s.`
  return { busy: { code: 'forge-unavailable', reason } }
}

function ourFault(error: unknown, { fence, deps }: Pick<End, 'fence' | 'deps'>): Published {
  deps.logger.error({ err: error, attempt: fence.attemptId }, 'Cannot publish: an error of ours; it is tried again')
  return { busy: { code: 'internal', reason: "Cannot publish: something in Drydock broke; the runner's log has it." } }
}
