import { snapshotImages, takeExpired } from '../domain/environments/snapshots.ts'
import { liveClaims } from '../domain/tasks/cancelled.ts'
import type { LeaseKeeper } from './lease.ts'
import type { RunnerDeps } from './runner-deps.ts'
import type { Owned } from './sandbox/engine.ts'
import type { WarmPool } from './warm/warm-pool.ts'

/** Who has something at the engine that carries labels of its own. */
export type InUse = { lease: Pick<LeaseKeeper, 'holds'>; warm: Pick<WarmPool, 'holds'> }

type SweepDeps = Pick<RunnerDeps, 'db' | 'engine' | 'hostId' | 'logger'>

/**
 * Removes what no live attempt of this host owns: containers, networks and volumes of claims that ended, and images of
 * snapshots that nobody can use any more. What this process works on, or keeps ready, is left alone; at its start that is
 * nothing.
 */
export async function sweepLeftovers({ db, engine, hostId, logger }: SweepDeps, inUse?: InUse): Promise<void> {
  const owned = await engine.listOwned(hostId)
  const attempts = owned.flatMap((thing) => thing.attempt ?? [])
  const live = inUse ? await liveClaims(db, attempts) : new Set<string>()
  for (const thing of owned) {
    if (!isLeftover(thing, { live, inUse })) continue
    logger.info({ type: thing.type, name: thing.name, attempt: thing.attempt }, 'Sweeping what an ended attempt left')
    // One that cannot be removed must not keep the others; the next sweep tries again.
    await engine
      .removeOwned(thing)
      .catch((error: unknown) => logger.error({ err: error, name: thing.name }, 'Cannot sweep'))
  }
  await sweepSnapshots({ db, engine }, owned)
}

function isLeftover(
  { attempt, claim }: Owned,
  { live, inUse }: { live: Set<string>; inUse: InUse | undefined },
): boolean {
  if (attempt === undefined || claim === undefined) return false
  return !live.has(`${attempt}/${claim}`) && !inUse?.lease.holds(attempt, claim) && !inUse?.warm.holds(attempt)
}

async function sweepSnapshots(
  { db, engine }: Pick<SweepDeps, 'db' | 'engine'>,
  owned: readonly Owned[],
): Promise<void> {
  for (const image of await takeExpired(db)) await engine.removeImage(image)
  const kept = await snapshotImages(db)
  for (const thing of owned) {
    // A snapshot that is being made has an image before it has a row; its attempt is live then and will save the row.
    if (thing.type === 'image' && thing.kind === 'snapshot' && !kept.has(thing.name))
      await engine.removeImage(thing.name)
  }
}
