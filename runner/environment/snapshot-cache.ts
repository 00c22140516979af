import { readOrders, setupSecretVersions } from '../../domain/environments/cache.ts'
import type { SetUpSource } from '../../domain/environments/cache.ts'
import { readSnapshots, useSnapshot } from '../../domain/environments/snapshots.ts'
import type { Snapshot } from '../../domain/environments/snapshots.ts'
import type { StartRecord } from '../../domain/tasks/start.ts'
import { retryDatabase } from '../retry-database.ts'
import { untilAborted } from '../sandbox/aborted.ts'
import { snapshotBuilder } from './builder.ts'
import type { Builder, BuilderDeps, Follower } from './builder.ts'
import { imageHolds } from './image-holds.ts'
import type { ImageHolds } from './image-holds.ts'
import type { ResolvedImage } from './image.ts'
import type { BuildOrder } from './run-build.ts'
import { keyParts, snapshotKey } from './snapshot-key.ts'
import { hitReason, missReason } from './start-reason.ts'

/** An attempt that wants to start from what set-up made. */
export type Wish = SetUpSource & { image: ResolvedImage; attempt: NonNullable<BuildOrder['attempt']> }

/** The image to start from. It is not removed before `release`. */
export type CachedImage = {
  ref: string
  key: string
  start: Pick<StartRecord, 'cache' | 'reason' | 'snapshot'>
  release: () => void
}

export type SnapshotCache = {
  /** The valid snapshot of an environment, or a new one; says which, and why. */
  use: (wish: Wish, follower: Follower, signal: AbortSignal) => Promise<CachedImage>
  /** The key and its parts as of now. */
  keyOf: (source: SetUpSource, image: ResolvedImage) => Promise<Pick<BuildOrder, 'key' | 'parts'>>
  /** Why there is no snapshot of this key. */
  whyMissing: (source: SetUpSource, wanted: Pick<BuildOrder, 'key' | 'parts'>) => Promise<string>
  builder: Builder
  holds: ImageHolds
}

/** The snapshots of a host. */
export function snapshotCache(deps: BuilderDeps): SnapshotCache {
  const { db, hostId, engine } = deps
  const builder = snapshotBuilder(deps)
  const holds = imageHolds()

  const keyOf: SnapshotCache['keyOf'] = async ({ environment, repository }, image) => {
    const parts = keyParts({
      image: image.digest,
      script: environment.setupScript ?? '',
      variables: environment.variables,
      secrets: await setupSecretVersions(db, environment.id),
      repositories: [repository.address, ...environment.repositories.flatMap(({ name, address }) => [name, address])],
      versions: environment.versions,
      services: environment.services,
      epoch: environment.cacheEpoch,
    })
    return { parts, key: snapshotKey(parts) }
  }

  const whyMissing: SnapshotCache['whyMissing'] = async ({ environment }, wanted) => {
    const [snapshots, orders] = await Promise.all([
      readSnapshots(db, { hostId, environmentId: environment.id }),
      readOrders(db, environment.id),
    ])
    return missReason(wanted, { snapshots, orders, now: new Date() })
  }

  /** Holds the image before it looks for it: from then on nobody removes it. */
  async function held({ image }: Snapshot, signal: AbortSignal): Promise<(() => void) | undefined> {
    const release = holds.take(image)
    if (release === undefined) return undefined
    try {
      if ((await untilAborted(engine.imageInfo(image), signal)) !== undefined) return release
    } catch (error) {
      release()
      throw error
    }
    release()
    return undefined
  }

  return {
    builder,
    holds,
    keyOf,
    whyMissing,
    async use(wish, follower, signal) {
      const wanted = await retryDatabase(() => keyOf(wish, wish.image), signal)
      const place = { hostId, environmentId: wish.environment.id, key: wanted.key }
      const found = await retryDatabase(() => useSnapshot(db, place), signal)
      const release = found && (await held(found, signal))
      if (found && release) {
        const reason = hitReason(found, new Date())
        await follower.notice(`Set-up: cache hit, ${reason}`)
        return cached(found, { cache: 'hit', reason }, release)
      }
      const reason = await retryDatabase(() => whyMissing(wish, wanted), signal)
      await follower.notice(`Set-up: cache miss, ${reason}`)
      const built = await builder.obtain({ ...wish, ...wanted, cause: reason }, follower, signal)
      return cached(built, { cache: 'miss', reason }, holds.take(built.image) ?? (() => undefined))
    },
  }
}

function cached(
  { image, key }: Snapshot,
  start: Pick<StartRecord, 'cache' | 'reason'>,
  release: () => void,
): CachedImage {
  return { ref: image, key, start: { ...start, snapshot: image }, release }
}
