import { forgetBuilds, liveBuilds } from '../../domain/environments/snapshot-builds.ts'
import { keptSnapshots, markRemoved, snapshotImages } from '../../domain/environments/snapshots.ts'
import type { KeptSnapshot } from '../../domain/environments/snapshots.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import type { Owned } from '../sandbox/engine.ts'
import type { SnapshotCache } from './snapshot-cache.ts'

/** Snapshots of one environment that are kept: the one in use, and the one before, should a change be taken back. */
const KEPT_EACH = 2
/** Why the least recently used ones go. */
export const DISK_SHORT = 'the disk was short'
/** Well above what stops every sandbox. */
const FREE_FLOOR_BYTES = 4 * 1024 ** 3

export type GarbageDeps = Pick<RunnerDeps, 'db' | 'engine' | 'hostId' | 'logger' | 'freeBytes'> & {
  cache: Pick<SnapshotCache, 'builder' | 'holds'>
  floorBytes?: number
}

/**
 * Removes snapshots that nobody needs: too old, more than an environment keeps, or the least recently used ones while the
 * disk is short. Never one that an attempt uses or is about to use. Then images that no row names, of builds that died.
 */
export async function collectGarbage(deps: GarbageDeps, owned: readonly Owned[]): Promise<void> {
  const { db, hostId } = deps
  const kept = await keptSnapshots(db, hostId)
  const spared: KeptSnapshot[] = []
  for (const snapshot of kept) {
    const because = uselessBecause(snapshot, kept)
    if (because === undefined || !(await remove(deps, snapshot, because))) spared.push(snapshot)
  }
  for (const snapshot of spared) {
    if (!(await isDiskShort(deps))) break
    await remove(deps, snapshot, DISK_SHORT)
  }
  await removeNameless(deps, owned)
  await forgetBuilds(db, hostId)
}

function uselessBecause(snapshot: KeptSnapshot, all: readonly KeptSnapshot[]): string | undefined {
  if (snapshot.isOfDeleted) return 'the environment was deleted'
  if (snapshot.isExpired) return 'it was too old'
  const newer = all.filter(
    ({ environmentId, createdAt }) =>
      environmentId === snapshot.environmentId && createdAt.getTime() > snapshot.createdAt.getTime(),
  )
  return newer.length >= KEPT_EACH ? 'newer ones took its place' : undefined
}

async function isDiskShort({ freeBytes, floorBytes = FREE_FLOOR_BYTES }: GarbageDeps): Promise<boolean> {
  const free = await freeBytes?.()
  return free !== undefined && free < floorBytes
}

/** The row first: whoever looks for the snapshot from then on does not find it. False when it is in use. */
async function remove(deps: GarbageDeps, snapshot: KeptSnapshot, because: string): Promise<boolean> {
  const { db, engine, logger, cache } = deps
  if (snapshot.isLive || cache.holds.isHeld(snapshot.image)) return false
  if (!(await markRemoved(db, snapshot, because))) return false
  logger.info({ image: snapshot.image, because }, 'Removing a snapshot')
  // One that cannot be removed now has no row any more, and is tried again as nameless.
  await cache.holds.remove(snapshot.image, () => engine.removeImage(snapshot.image)).catch(noting(deps, snapshot.image))
  return true
}

/** Images whose build died between saving them and writing their row, or whose row has another by now. */
async function removeNameless(deps: GarbageDeps, owned: readonly Owned[]): Promise<void> {
  const { db, engine, hostId, cache } = deps
  // In this order: a build that is not live any more has written its row, if it ever does.
  const live = await liveBuilds(db, hostId)
  const named = await snapshotImages(db, hostId)
  for (const { type, kind, name, build } of owned) {
    if (type !== 'image' || kind !== 'snapshot' || named.has(name)) continue
    if (build !== undefined && (live.has(build) || cache.builder.holds(build))) continue
    await cache.holds.remove(name, () => engine.removeImage(name)).catch(noting(deps, name))
  }
}

const noting =
  ({ logger }: GarbageDeps, image: string) =>
  (error: unknown) =>
    logger.error({ err: error, image }, 'Cannot remove a snapshot; it is tried again')
