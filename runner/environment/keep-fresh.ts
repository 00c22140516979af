import { areTasksWaiting, cachesToKeep } from '../../domain/environments/cache.ts'
import type { SetUpSource } from '../../domain/environments/cache.ts'
import { readBuild } from '../../domain/environments/snapshot-builds.ts'
import { readSnapshots } from '../../domain/environments/snapshots.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import { DISK_SHORT } from './collect-garbage.ts'
import type { Flight } from './flight.ts'
import type { ResolvedImage } from './image.ts'
import type { BuildOrder } from './run-build.ts'
import type { SnapshotCache } from './snapshot-cache.ts'

const HOUR = 3_600_000
/** A snapshot is made anew this long before it is too old. */
const AHEAD_MS = HOUR

export type FreshDeps = Pick<RunnerDeps, 'db' | 'hostId' | 'logger'> & {
  cache: Pick<SnapshotCache, 'builder' | 'keyOf' | 'whyMissing'>
  resolveImage: (name: string, signal: AbortSignal) => Promise<ResolvedImage>
  /** Whether this runner could take another task now. */
  hasRoom: () => boolean
}

/**
 * Keeps the snapshots of environments that are in use fresh, with nobody waiting: after a change, before one is too old, and
 * when somebody asks. One build at a time, only while no task waits, and it gives way to tasks.
 */
export function freshKeeper(deps: FreshDeps) {
  let running: Flight | undefined
  let looking: Promise<void> | undefined

  async function giveWay(): Promise<void> {
    if (running && !running.isWanted && !deps.hasRoom() && (await areTasksWaiting(deps.db))) {
      running.stop('It gave way to tasks')
    }
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (running) return giveWay()
    if (!deps.hasRoom() || (await areTasksWaiting(deps.db))) return
    for (const { refreshBy, ...source } of await cachesToKeep(deps.db, deps.hostId)) {
      if (signal.aborted) return
      const order = await orderOf(deps, source, { refreshBy, signal }).catch((error: unknown) => {
        deps.logger.warn(
          { err: error, environment: source.environment.id },
          'Cannot look at the cache of an environment',
        )
        return undefined
      })
      const begun = order && (await deps.cache.builder.background(order))
      if (!begun) continue
      running = begun
      const end = () => void (running = undefined)
      begun.done.then(end, end)
      return
    }
  }

  return {
    /** Looks whether something is to be built, and begins it. Looks do not overlap. */
    look: (signal: AbortSignal) => (looking ??= look(signal).finally(() => (looking = undefined))),
  }
}

type Asked = { refreshBy: string | null; signal: AbortSignal }

/** What to build for an environment, if anything. */
async function orderOf(
  deps: FreshDeps,
  source: SetUpSource,
  { refreshBy, signal }: Asked,
): Promise<BuildOrder | undefined> {
  const image = await deps.resolveImage(source.environment.image, signal)
  const wanted = await deps.cache.keyOf(source, image)
  const order = { ...source, ...wanted, image, attempt: undefined }
  if (refreshBy !== null) return { ...order, cause: `refresh asked for by ${refreshBy}` }
  const place = { hostId: deps.hostId, environmentId: source.environment.id }
  // What failed is tried again by the next task, or when somebody asks.
  if ((await readBuild(deps.db, { ...place, key: wanted.key }))?.state === 'failed') return undefined
  const snapshots = await readSnapshots(deps.db, place)
  const same = snapshots.find(({ key }) => key === wanted.key)
  if (same?.removedBecause === DISK_SHORT) return undefined
  const found = same?.removedAt === null ? same : undefined
  const leftMs = found ? found.expiresAt.getTime() - Date.now() : 0
  if (leftMs > AHEAD_MS) return undefined
  return { ...order, cause: leftMs > 0 ? 'soon too old' : await deps.cache.whyMissing(source, wanted) }
}
