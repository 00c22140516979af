import { setTimeout as delay } from 'node:timers/promises'
import { beginBuild, endBuild, readBuild, renewBuild, succeedBuild } from '../../domain/environments/snapshot-builds.ts'
import type { BuildEnd, BuildFence, BuildKey } from '../../domain/environments/snapshot-builds.ts'
import { useSnapshot } from '../../domain/environments/snapshots.ts'
import type { Snapshot } from '../../domain/environments/snapshots.ts'
import { DrydockError } from '../../domain/errors.ts'
import { newId } from '../../domain/ids.ts'
import { deferred } from '../deferred.ts'
import { AttemptFailure } from '../failure.ts'
import { LEASE_MS } from '../lease.ts'
import { retryDatabase } from '../retry-database.ts'
import { Stopped } from '../stop.ts'
import type { Progress } from '../workspace/workspace.ts'
import { readSecrets, useBy } from '../secrets/attempt-secrets.ts'
import type { AttemptSecrets } from '../secrets/attempt-secrets.ts'
import { maskedOutput } from '../secrets/masked-output.ts'
import { Abandoned, flight } from './flight.ts'
import type { Flight, FlightScope } from './flight.ts'
import { runBuild } from './run-build.ts'
import type { BuildOrder, Built, RunBuildDeps } from './run-build.ts'

const SECOND = 1000
const POLL_MS = SECOND
const CLOSED = 'Its runner stopped'
const LOST = 'Its runner could not hold it any longer'
/** How long a snapshot is valid. */
export const SNAPSHOT_TTL_MS = 12 * 3600 * SECOND

/** Who waits for a build hears what it prints. */
export type Follower = { onOutput: Progress; notice: (message: string) => Promise<void> }

export type BuilderDeps = RunBuildDeps & {
  runnerId: string
  /** Default: that of attempts. */
  leaseMs?: number
}

export type Builder = ReturnType<typeof snapshotBuilder>

/**
 * Builds snapshots, each of them once at a time: within this process those who want the same one share a build, and between
 * runners there is a lease. A build ends early when nobody wants it any more, and not before.
 */
export function snapshotBuilder(deps: BuilderDeps) {
  const { db, hostId } = deps
  const flights = new Map<string, Promise<Flight | undefined>>()
  const ids = new Set<string>()
  let woken = deferred()
  let isClosed = false

  async function begin(order: BuildOrder): Promise<Flight | undefined> {
    const fence = { ...keyOf(order, hostId), build: newId() }
    const { runnerId: holder, leaseMs = LEASE_MS } = deps
    if (!(await lasting(() => beginBuild(db, { ...fence, holder, cause: order.cause, leaseMs })))) return undefined
    ids.add(fence.build)
    const isKept = order.attempt === undefined
    const begun = flight((scope) => buildUnderLease({ order, fence, deps, ...scope }), { isKept })
    if (isClosed) begun.stop(CLOSED)
    const forget = () => {
      ids.delete(fence.build)
      flights.delete(nameOf(order))
    }
    begun.done.then(forget, forget)
    return begun
  }

  /** The build of this process, its own or one that is under way; undefined when another runner builds. */
  async function take(order: BuildOrder): Promise<Flight | undefined> {
    const name = nameOf(order)
    const found = flights.get(name) ?? begin(order)
    flights.set(name, found)
    try {
      const taken = await found
      if (taken === undefined) flights.delete(name)
      return taken
    } catch (error) {
      flights.delete(name)
      throw error
    }
  }

  /** Waits for another runner's build. Resolves to its snapshot, or to nothing when somebody has to build anew. */
  async function waitForOther(order: BuildOrder, { notice }: Follower, signal: AbortSignal) {
    const key = keyOf(order, hostId)
    let seen: string | undefined
    for (;;) {
      const wake = woken.promise
      const build = await retryDatabase(() => readBuild(db, key), signal)
      if (build === undefined || (seen !== undefined && build.build !== seen && !build.isLive)) return undefined
      if (!build.isLive) {
        if (build.state === 'failed') throw failureOf(build)
        return build.state === 'succeeded' ? useSnapshot(db, key) : undefined
      }
      if (seen !== build.build) {
        await notice(
          `Set-up: waits for the build of ${order.environment.name} that began ${build.startedAt.toISOString()}`,
        )
      }
      seen = build.build
      const pause = new AbortController()
      const poll = delay(POLL_MS, undefined, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => undefined)
      await Promise.race([wake, poll])
      pause.abort()
      signal.throwIfAborted()
    }
  }

  return {
    /** The snapshot of an order: of the build that is under way, or of a new one. Rejects with what the build failed for. */
    async obtain(order: BuildOrder, follower: Follower, signal: AbortSignal): Promise<Snapshot> {
      for (;;) {
        signal.throwIfAborted()
        const own = await take(order)
        if (own) {
          try {
            return await own.join(follower, signal)
          } catch (error) {
            if (isClosed) throw new Stopped({ kind: 'shutdown' })
            if (!(error instanceof Abandoned) || signal.aborted) throw error
            continue
          }
        }
        const other = await waitForOther(order, follower, signal)
        if (other) return other
      }
    },
    /** Builds though nobody waits for it, unless it is being built already. */
    async background(order: BuildOrder): Promise<Flight | undefined> {
      return flights.has(nameOf(order)) ? undefined : take(order)
    },
    /** Whether a build of this id is one of this process. */
    holds: (build: string) => ids.has(build),
    /** Looks at once how the builds of others are: called when the database says so. */
    wake() {
      woken.resolve()
      woken = deferred()
    },
    /** Stops all builds, also those that begin later. Resolves when nothing of them is left. */
    async close(): Promise<void> {
      isClosed = true
      const all = await Promise.all([...flights.values()].map((each) => each.catch(() => undefined)))
      for (const each of all) each?.stop(CLOSED)
      await Promise.allSettled(all.flatMap((each) => each?.done ?? []))
    },
  }
}

type BuildWork = { order: BuildOrder; fence: BuildFence; deps: BuilderDeps } & FlightScope

async function buildUnderLease({ order, fence, deps, stop, tail, onOutput, note }: BuildWork): Promise<Snapshot> {
  const over = new AbortController()
  const renewing = keepLease({ fence, deps, stop, output: () => tail.text() }, over.signal)
  try {
    const secrets = await lasting(() =>
      readSecrets(deps, useBy(deps.hostId, { environmentId: order.environment.id, work: { build: fence.build } })),
    )
    if (secrets.failure) throw secrets.failure
    const built = await maskedBuild({ order, fence, deps, stop, onOutput, note }, secrets)
    const { parts, key, attempt, environment } = order
    const snapshot = {
      ...{ hostId: fence.hostId, environmentId: environment.id, key, parts, ...built },
      ...{ ttlMs: SNAPSHOT_TTL_MS, isUsed: attempt !== undefined },
    }
    const saved = await lasting(() => succeedBuild(deps.db, fence, { snapshot, output: tail.text() })).catch(
      () => undefined,
    )
    if (saved) return saved
    // A row that was not written: nobody would ever use the image.
    await deps.engine.removeImage(built.image).catch(deps.onLeftover)
    throw new Abandoned(LOST)
  } catch (error) {
    await lasting(() => endBuild(deps.db, fence, endOf(error, tail.text()))).catch(deps.onLeftover)
    throw error
  } finally {
    over.abort()
    await renewing
  }
}

/** What it prints is seen by all who wait for it, and kept: nobody sees a secret there. */
async function maskedBuild(
  { order, fence, deps, stop, onOutput, note }: Omit<BuildWork, 'tail'>,
  secrets: AttemptSecrets,
): Promise<Built> {
  const masked = maskedOutput(secrets.mask, onOutput)
  try {
    const scope = { build: fence.build, secrets, onOutput: masked.onOutput, note }
    return await runBuild(order, deps, scope, stop.signal)
  } finally {
    await masked.close()
  }
}

type Lease = { fence: BuildFence; deps: BuilderDeps; stop: AbortController; output: () => string }

/** Renews the lease until the signal aborts, and stops the build when it cannot be held any longer. */
async function keepLease({ fence, deps, stop, output }: Lease, over: AbortSignal): Promise<void> {
  const { leaseMs = LEASE_MS } = deps
  for (let renewedAt = performance.now(); !over.aborted;) {
    await delay(Math.min(leaseMs / 3, 5 * SECOND), undefined, { signal: over }).catch(() => undefined)
    if (over.aborted) return
    const now = performance.now()
    const kept = await renewBuild(deps.db, fence, { leaseMs, output: output() }).catch(() => undefined)
    if (kept) renewedAt = now
    const isOverdue = performance.now() - renewedAt > leaseMs * 0.7
    if (kept === false || isOverdue) stop.abort(new Abandoned(LOST))
  }
}

function endOf(error: unknown, output: string): BuildEnd {
  if (error instanceof AttemptFailure) return { state: 'failed', reason: error.reason, message: error.message, output }
  return { state: 'abandoned', message: abandonedBecause(error), output }
}

function abandonedBecause(error: unknown): string {
  if (error instanceof Abandoned || error instanceof DrydockError) return error.message
  return "Something in Drydock broke. The runner's log has the details."
}

const failureOf = ({ reason, message }: { reason: string | null; message: string | null }) =>
  new AttemptFailure((reason ?? 'setup-failed') as AttemptFailure['reason'], message ?? 'Cannot set up the environment')

/** Writes that end a build have a limit of their own: its signal may have aborted. */
const lasting = <T>(work: () => Promise<T>) => retryDatabase(work, AbortSignal.timeout(LEASE_MS))

const keyOf = ({ environment, key }: BuildOrder, hostId: string): BuildKey => ({
  hostId,
  environmentId: environment.id,
  key,
})
const nameOf = ({ environment, key }: BuildOrder) => `${environment.id}/${key}`
