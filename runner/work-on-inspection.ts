import { endInspection, releaseInspection } from '../domain/environments/inspections.ts'
import type { ClaimedInspection, InspectionEnd } from '../domain/environments/inspections.ts'
import { DrydockError } from '../domain/errors.ts'
import { inspectRepository } from './inspect-repository.ts'
import { retryDatabase } from './retry-database.ts'
import type { RunnerDeps } from './runner-deps.ts'

const SECOND = 1000
/** Longer than anybody waits: the first look fetches the whole history, and the next one then finds it here. */
export const INSPECTION_LEASE_MS = 300 * SECOND
const WRITE_LIMIT_MS = 30 * SECOND

export type InspectionWorkDeps = Pick<RunnerDeps, 'db' | 'logger' | 'mirrors' | 'remoteOf' | 'git'> & {
  /** Default: what the lease leaves room for. */
  limitMs?: number
}

/** Looks into one repository and writes down what it found, or why it could not; gives it back when the signal aborts. */
export async function workOnInspection(
  claimed: ClaimedInspection,
  deps: InspectionWorkDeps,
  signal: AbortSignal,
): Promise<void> {
  const { db, limitMs = INSPECTION_LEASE_MS - WRITE_LIMIT_MS } = deps
  const limit = AbortSignal.timeout(limitMs)
  const end = await inspect(claimed, deps, AbortSignal.any([signal, limit])).catch((error: unknown) =>
    signal.aborted ? undefined : failedBy(error, { claimed, deps, isLate: limit.aborted }),
  )
  const write = () => (end ? endInspection(db, claimed, end) : releaseInspection(db, claimed))
  await retryDatabase(write, AbortSignal.timeout(WRITE_LIMIT_MS))
}

async function inspect(
  { repository }: ClaimedInspection,
  { mirrors, remoteOf, git }: InspectionWorkDeps,
  signal: AbortSignal,
): Promise<InspectionEnd> {
  await using view = await mirrors.open(await remoteOf(repository), signal)
  return { state: 'done', result: await inspectRepository(view, git, signal) }
}

type Failing = { claimed: ClaimedInspection; deps: InspectionWorkDeps; isLate: boolean }

/** What a repository does wrong is told; what we do wrong is in the log. */
function failedBy(error: unknown, { claimed, deps, isLate }: Failing): InspectionEnd {
  if (error instanceof DrydockError) return { state: 'failed', result: { code: error.code, message: error.message } }
  if (isLate) {
    const message = 'Cannot look into the repository: fetching it took too long. Try again.'
    return { state: 'failed', result: { code: 'forge-unavailable', message } }
  }
  deps.logger.error({ err: error, repository: claimed.repository.id }, 'Cannot look into a repository')
  const message = 'Cannot look into the repository: something went wrong in the runner. Its log says what.'
  return { state: 'failed', result: { code: 'internal', message } }
}
