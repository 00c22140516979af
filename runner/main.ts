import { randomBytes } from 'node:crypto'
import { pruneAudit } from '../domain/audit/prune.ts'
import { pruneContent, pruneZeroRetained } from '../domain/retention/prune.ts'
import { keepsAny, releaseTrees } from '../domain/retention/stale-trees.ts'
import { claimInspection } from '../domain/environments/inspections.ts'
import type { ClaimedInspection } from '../domain/environments/inspections.ts'
import { releaseBuilds } from '../domain/environments/snapshot-builds.ts'
import { claimPublish, reapPublishings, releasePublishings } from '../domain/tasks/publishing.ts'
import { cancelAttemptsOfDisabled } from '../domain/tasks/cancel.ts'
import { failOverdue } from '../domain/tasks/overdue.ts'
import { claimNext, renewLeases } from '../domain/tasks/queue.ts'
import type { Claimed } from '../domain/tasks/queue.ts'
import { reapExpired, reapHost } from '../domain/tasks/requeue.ts'
import type { Fence } from '../domain/tasks/attempt.ts'
import { cancelledAmong } from '../domain/tasks/cancelled.ts'
import { claimLoop } from './claim-loop.ts'
import { resolveImage } from './environment/image.ts'
import { freshKeeper } from './environment/keep-fresh.ts'
import { snapshotCache } from './environment/snapshot-cache.ts'
import type { SnapshotCache } from './environment/snapshot-cache.ts'
import { engineGate } from './engine-gate.ts'
import type { EngineGate } from './engine-gate.ts'
import { LEASE_MS, leaseKeeper } from './lease.ts'
import type { LeaseKeeper } from './lease.ts'
import { periodically } from './periodically.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { collectImages } from './environment/collect-images.ts'
import { sweepLeftovers } from './sweep-leftovers.ts'
import { makeWarmPool } from './warm/make-warm-pool.ts'
import type { WarmPool } from './warm/warm-pool.ts'
import { workOnAttempt } from './work-on-attempt.ts'
import { INSPECTION_LEASE_MS, workOnInspection } from './work-on-inspection.ts'
import { workOnPublishing } from './work-on-publishing.ts'

const SECOND = 1000
const FRESH_EVERY_MS = 10 * SECOND
const OVERDUE_EVERY_MS = 30 * SECOND
const IMAGES_EVERY_MS = 3600 * SECOND
const AUDIT_EVERY_MS = 3600 * SECOND
const CONTENT_EVERY_MS = 3600 * SECOND
const ZERO_RETENTION_EVERY_MS = 30 * SECOND
/** Whoever has the same tree in the making has written it down by then. */
const TREES_SETTLE_MS = 3600 * SECOND
/** Publishing waits on networks, not on cores. */
const PUBLISH_CAPACITY = 4
const INSPECTION_CAPACITY = 2
/** Removing a sandbox and writing how an attempt ended have limits of their own, together below this. */
const END_LIMIT_MS = 90 * SECOND

export type Runner = {
  runnerId: string
  /** Claims nothing more, waits for what runs up to `drainMs`, hands the rest back. Resolves when nothing is left. */
  close: (options?: { drainMs?: number }) => Promise<void>
}

/** Starts a runner: takes over from an earlier process of this host, sweeps what that left, then claims work. */
export async function startRunner(given: RunnerDeps): Promise<Runner> {
  const { db, leaseDb, logger, hostId } = given
  const runnerId = `${hostId}/${randomBytes(4).toString('hex')}`
  const onLeftover = (error: unknown) => {
    logger.error({ err: error }, 'Cannot remove what a build used; it is swept later')
    gate.suspect()
  }
  const deps = { ...given, cache: snapshotCache({ ...given, runnerId, onLeftover }) }
  const onError = (error: unknown) => logger.error({ err: error }, 'The runner met an error and goes on')

  for (const reaped of await reapHost(db, hostId)) logger.warn(reaped, 'Took over an attempt of an earlier process')
  await releasePublishings(db, hostId)
  await releaseBuilds(db, hostId)
  await sweepLeftovers(deps)

  const lease = leaseKeeper({
    renew: (fences, ms) => renewLeases(leaseDb, fences, ms),
    cancelled: (ids) => cancelledAmong(leaseDb, ids),
    onError,
  })
  const warm = makeWarmPool(deps)
  const inUse = { lease, warm }
  const sweep = () => {
    // What waited on an engine that was away is not to be relied on.
    warm.drop()
    return sweepLeftovers(deps, inUse)
  }
  const gate: EngineGate = engineGate({ answers: deps.engineAnswers, sweep })
  const stopping = new AbortController()
  const loops = createLoops(deps, { runnerId, lease, gate, warm, onError, stopping: stopping.signal })
  const background = new AbortController()
  const claiming = new AbortController()
  const fresh = freshKeeper({
    ...deps,
    resolveImage: (name, signal) => resolveInBackground(name, deps, signal),
    hasRoom: () => loops.attempts.hasRoom,
  })
  const all = Object.values(loops)
  const claims = Promise.all(all.map((loop) => loop.run(claiming.signal)))
  const tasks = [
    lease.run(background.signal),
    periodically({ everyMs: 5 * SECOND, work: () => reapExpired(db), onError }, background.signal),
    periodically({ everyMs: OVERDUE_EVERY_MS, work: () => failOverdue(db), onError }, background.signal),
    periodically({ everyMs: OVERDUE_EVERY_MS, work: () => cancelAttemptsOfDisabled(db), onError }, background.signal),
    periodically({ everyMs: OVERDUE_EVERY_MS, work: () => reapPublishings(db), onError }, background.signal),
    periodically({ everyMs: FRESH_EVERY_MS, work: () => fresh.look(claiming.signal), onError }, claiming.signal),
    periodically({ everyMs: 60 * SECOND, work: () => sweepLeftovers(deps, inUse), onError }, background.signal),
    periodically({ everyMs: 60 * SECOND, work: () => warm.tidy(), onError }, background.signal),
    periodically({ everyMs: AUDIT_EVERY_MS, work: () => pruneAudit(db), onError }, background.signal),
    periodically({ everyMs: CONTENT_EVERY_MS, work: () => removeContent(deps), onError }, background.signal),
    periodically({ everyMs: ZERO_RETENTION_EVERY_MS, work: () => pruneZeroRetained(db), onError }, background.signal),
    periodically({ everyMs: IMAGES_EVERY_MS, work: () => collectImages(deps, new Date()), onError }, background.signal),
  ]
  const unlisten = await listen(deps, {
    lease,
    loops,
    cache: deps.cache,
    look: () => void fresh.look(claiming.signal).catch(onError),
  })
  logger.info({ runnerId, capacity: deps.capacity }, 'The runner takes work')

  return {
    runnerId,
    async close({ drainMs = 0 } = {}) {
      claiming.abort()
      // A claim that is under way may still bring work.
      const idle = claims.then(() => Promise.all(all.map((loop) => loop.idle())))
      const drained = await within(idle, drainMs)
      if (!drained) {
        lease.stopAll({ kind: 'shutdown' })
        stopping.abort()
      }
      await within(deps.cache.builder.close(), END_LIMIT_MS)
      // An engine or a database that hangs must not keep the server from ending: its successor takes over.
      if (!(await within(idle, END_LIMIT_MS))) logger.error('Work did not end in time; the next start cleans up')
      background.abort()
      if (!(await within(warm.close(), END_LIMIT_MS)))
        logger.error('What waited did not end in time; the next start cleans up')
      await within(Promise.all([unlisten(), ...tasks]), 5 * SECOND)
    },
  }
}

/** What is kept no longer goes from the database, and an hour later from the files of this host. What stays is gathered. */
async function removeContent({ db, hostId, forgetTrees, gatherPacks }: RunnerDeps): Promise<void> {
  await pruneContent(db)
  const forget = (trees: ReadonlySet<string>) => forgetTrees(trees, (ids) => keepsAny(db, ids))
  await releaseTrees(db, { hostId, settledMs: TREES_SETTLE_MS }, forget)
  await gatherPacks()
}

type LoopContext = {
  runnerId: string
  lease: LeaseKeeper
  gate: EngineGate
  warm: WarmPool
  onError: (error: unknown) => void
  /** Aborts when publishings and inspections are to be given back. */
  stopping: AbortSignal
}

function createLoops(
  deps: RunnerDeps & { cache: SnapshotCache },
  { runnerId, lease, gate, warm, onError, stopping }: LoopContext,
) {
  const { db, capacity } = deps
  const claim = { runnerId, leaseMs: LEASE_MS }
  return {
    attempts: claimLoop<Claimed>({
      capacity,
      claim: async (free) =>
        (await gate.isOpen()) ? claimNext(db, { ...claim, room: { capacity, free } }) : undefined,
      slotsOf: ({ slots }) => slots,
      work: (fence) => workOnAttempt(fence, { ...deps, runnerId, lease, engineGate: gate, warm, stopping }),
      onError,
    }),
    publishings: claimLoop<Fence>({
      capacity: PUBLISH_CAPACITY,
      claim: () => claimPublish(db, claim),
      work: (fence) => workOnPublishing(fence, deps, stopping),
      onError,
    }),
    inspections: claimLoop<ClaimedInspection>({
      capacity: INSPECTION_CAPACITY,
      claim: () => claimInspection(db, INSPECTION_LEASE_MS),
      work: (claimed) => workOnInspection(claimed, deps, stopping),
      onError,
    }),
  }
}

type Woken = { lease: LeaseKeeper; loops: ReturnType<typeof createLoops>; cache: SnapshotCache; look: () => void }

/** Wakes the loops by NOTIFY; the driver listens again by itself after a lost connection. */
async function listen({ client }: RunnerDeps, { lease, loops, cache, look }: Woken): Promise<() => Promise<void>> {
  const queue = await client.listen('drydock_queue', () => {
    for (const loop of Object.values(loops)) loop.wake()
  })
  const cancel = await client.listen('drydock_cancel', () => void lease.wake())
  const builds = await client.listen('drydock_builds', () => cache.builder.wake())
  const caches = await client.listen('drydock_cache', look)
  return async () => {
    await Promise.allSettled([queue, cancel, builds, caches].map((each) => each.unlisten()))
  }
}

function resolveInBackground(name: string, { images, engine, logger }: RunnerDeps, signal: AbortSignal) {
  const onPull = (image: { ref: string; digest: string }) => logger.info(image, 'Pulled an image for a snapshot')
  return resolveImage(name, { deps: { ...images, engine, onPull }, onProgress: (line) => logger.info(line) }, signal)
}

async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)))
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
