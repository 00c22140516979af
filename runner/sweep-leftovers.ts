import { liveBuilds } from '../domain/environments/snapshot-builds.ts'
import { liveClaims } from '../domain/tasks/cancelled.ts'
import { collectGarbage } from './environment/collect-garbage.ts'
import type { GarbageDeps } from './environment/collect-garbage.ts'
import type { LeaseKeeper } from './lease.ts'
import type { Owned } from './sandbox/engine.ts'
import type { WarmPool } from './warm/warm-pool.ts'

/** Who has something at the engine that carries labels of its own. */
export type InUse = { lease: Pick<LeaseKeeper, 'holds'>; warm: Pick<WarmPool, 'holds'> }

/**
 * Removes what no live attempt or build of this host owns: containers, networks and volumes of claims that ended, helpers
 * of a process that is gone, and images
 * of snapshots that nobody needs. What this process works on, or keeps ready, is left alone; at its start that is nothing.
 */
export async function sweepLeftovers(deps: GarbageDeps, inUse?: InUse): Promise<void> {
  const { db, engine, hostId, logger, cache } = deps
  const owned = await engine.listOwned(hostId)
  const attempts = owned.flatMap((thing) => thing.attempt ?? [])
  const live = inUse ? await liveClaims(db, attempts) : new Set<string>()
  const builds = await liveBuilds(db, hostId)
  const isLeftover = ({ type, attempt, claim, build, isOrphan }: Owned) => {
    if (isOrphan) return true
    if (build !== undefined) return type !== 'image' && !builds.has(build) && !cache.builder.holds(build)
    if (attempt === undefined || claim === undefined) return false
    return !live.has(`${attempt}/${claim}`) && !inUse?.lease.holds(attempt, claim) && !inUse?.warm.holds(attempt)
  }
  for (const thing of owned.filter(isLeftover)) {
    const { type, name, attempt, build } = thing
    logger.info({ type, name, attempt, build }, 'Sweeping what an ended attempt or build left')
    // One that cannot be removed must not keep the others; the next sweep tries again.
    await engine
      .removeOwned(thing)
      .catch((error: unknown) => logger.error({ err: error, name: thing.name }, 'Cannot sweep'))
  }
  await collectGarbage(deps, owned)
}
