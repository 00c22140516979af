import { setTimeout as delay } from 'node:timers/promises'
import {
  INSPECTION_WAIT_MS,
  dropInspection,
  queueInspection,
  readInspection,
} from '../domain/environments/inspections.ts'
import type { Inspected, InspectionState } from '../domain/environments/inspections.ts'
import { DrydockError } from '../domain/errors.ts'
import type { RepositoryAddress } from '../domain/repositories/repositories.ts'
import type { ApiDeps } from './context.ts'

const POLL_MS = 200

/**
 * Lets a runner look into a repository, and waits for what it finds. Rejects with what it failed for, or with
 * `runner-unavailable` when the time is over.
 */
export async function inspect(deps: ApiDeps, repository: RepositoryAddress, signal: AbortSignal): Promise<Inspected> {
  const id = await queueInspection(deps.db, repository)
  try {
    return await resultOf(deps, id, signal)
  } finally {
    await dropInspection(deps.db, id)
  }
}

async function resultOf(
  { db, inspectionWaitMs = INSPECTION_WAIT_MS }: ApiDeps,
  id: string,
  signal: AbortSignal,
): Promise<Inspected> {
  const until = performance.now() + inspectionWaitMs
  for (;;) {
    const found = await readInspection(db, id)
    if (found?.state === 'done') return found.result
    if (found?.state === 'failed') throw new DrydockError(found.failure.code, found.failure.message)
    if (performance.now() > until || signal.aborted) throw late(found)
    await delay(POLL_MS)
  }
}

function late(found: InspectionState | undefined): DrydockError {
  const state =
    found?.state === 'running'
      ? 'the runner is not done yet; the first look fetches the whole history. Try again in a moment'
      : 'no runner has taken it. See that one runs: drydock doctor'
  return new DrydockError('runner-unavailable', `Cannot look into the repository: ${state}`)
}
