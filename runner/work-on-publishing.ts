import type { Fence } from '../domain/tasks/attempt.ts'
import { hasCode } from '../domain/errors.ts'
import { loadJob } from '../domain/tasks/job.ts'
import { postponePublish, renewPublish, settlePublish } from '../domain/tasks/publishing.ts'
import { attemptSettings } from './attempt-settings.ts'
import { LEASE_MS } from './lease.ts'
import { pullRequestBodyOf } from './publish/pull-request-body.ts'
import { publishAttempt } from './publish/publish.ts'
import { retryDatabase } from './retry-database.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** Works on one claimed publishing until it is settled or postponed. */
export async function workOnPublishing(fence: Fence, deps: RunnerDeps): Promise<void> {
  const { db, logger } = deps
  const lost = AbortSignal.timeout(LEASE_MS)
  const job = await retryDatabase(() => loadJob(db, fence.attemptId), lost)
  const signal = AbortSignal.timeout(attemptSettings(job).limits.publishMs)
  const renewal = setInterval(() => void renewPublish(db, fence, LEASE_MS).catch(() => undefined), LEASE_MS / 3)
  try {
    const published = await publishAttempt(
      job,
      {
        mirrors: deps.mirrors,
        remoteOf: deps.remoteOf,
        forge: deps.forgeOf(job.repository),
        pullRequestBody: (of) => pullRequestBodyOf(of, deps.taskUrl(of.task.id)),
        confirmHeld: () => renewPublish(db, fence, LEASE_MS),
      },
      signal,
    )
    if ('postpone' in published) await retryDatabase(() => postponePublish(db, fence, published.postpone), lost)
    else await retryDatabase(() => settlePublish(db, fence, published), AbortSignal.timeout(LEASE_MS))
  } catch (error) {
    // Another runner has it: that is its business.
    if (hasCode(error, 'stale-fence')) return
    logger.error({ err: error, attempt: fence.attemptId }, 'Cannot publish: an error of ours; it is tried again')
    await postponePublish(db, fence, { reason: 'An error of ours; it is tried again', delayMs: LEASE_MS })
  } finally {
    clearInterval(renewal)
  }
}
