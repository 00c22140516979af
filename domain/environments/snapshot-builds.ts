// Who builds which snapshot. Every statement of a builder carries its fence; a stale one hits no row.

import { and, eq, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { snapshotBuilds } from '../schema/snapshots.ts'
import { storable } from '../storable.ts'
import type { FailureReason } from '../tasks/attempt.ts'
import { saveSnapshot } from './snapshots.ts'
import type { NewSnapshot, Snapshot } from './snapshots.ts'

const FORGET_AFTER = sql`interval '1 day'`

export type SnapshotBuild = typeof snapshotBuilds.$inferSelect
/** Which snapshot: there is one build of it at a time. */
export type BuildKey = Pick<SnapshotBuild, 'hostId' | 'environmentId' | 'key'>
/** The right to write about a build. */
export type BuildFence = BuildKey & { build: string }

/** Begins a build, unless one of the same snapshot is under way and its lease lasts. True when this one may. */
export async function beginBuild(
  db: Executor,
  { holder, cause, leaseMs, ...fence }: BuildFence & { holder: string; cause: string; leaseMs: number },
): Promise<boolean> {
  const begun = {
    build: fence.build,
    holder,
    leaseUntil: until(leaseMs),
    state: 'running' as const,
    cause: storable(cause),
    reason: null,
    message: null,
    output: '',
    startedAt: sql`clock_timestamp()`,
    finishedAt: null,
  }
  const rows = await db
    .insert(snapshotBuilds)
    .values({ ...fence, ...begun })
    .onConflictDoUpdate({
      target: [snapshotBuilds.hostId, snapshotBuilds.environmentId, snapshotBuilds.key],
      set: { ...begun, claim: sql`${snapshotBuilds.claim} + 1` },
      setWhere: sql`${snapshotBuilds.state} <> 'running' or ${snapshotBuilds.leaseUntil} < clock_timestamp()`,
    })
    .returning({ build: snapshotBuilds.build })
  return rows.length > 0
}

/** Renews the lease and shows what was printed. False when the build is no longer this one's. */
export async function renewBuild(
  db: Executor,
  fence: BuildFence,
  { leaseMs, output }: { leaseMs: number; output: string },
): Promise<boolean> {
  const rows = await db
    .update(snapshotBuilds)
    .set({ leaseUntil: until(leaseMs), output: storable(output) })
    .where(isHeld(fence))
    .returning({ build: snapshotBuilds.build })
  return rows.length > 0
}

/** How a build ended without a snapshot. */
export type BuildEnd = { output: string } & (
  { state: 'failed'; reason: FailureReason; message: string } | { state: 'abandoned'; message: string }
)

/** Writes how a build ended, and wakes those who wait for it. A stale fence changes nothing. */
export async function endBuild(db: Db, fence: BuildFence, end: BuildEnd): Promise<void> {
  await db.transaction(async (tx) => {
    await finish(tx, fence, { reason: null, ...end })
  })
}

/** Records the snapshot that a build made. Undefined when the build was no longer this one's: nothing is recorded then. */
export async function succeedBuild(
  db: Db,
  fence: BuildFence,
  { snapshot, output }: { snapshot: NewSnapshot; output: string },
): Promise<Snapshot | undefined> {
  return db.transaction(async (tx) => {
    const end = { state: 'succeeded', reason: null, message: null, output } as const
    return (await finish(tx, fence, end)) ? saveSnapshot(tx, snapshot) : undefined
  })
}

type Finished = Pick<SnapshotBuild, 'state' | 'reason' | 'message' | 'output'>

async function finish(db: Executor, fence: BuildFence, { state, reason, message, output }: Finished): Promise<boolean> {
  const rows = await db
    .update(snapshotBuilds)
    .set({
      state,
      reason,
      message: message === null ? null : storable(message),
      output: storable(output),
      finishedAt: sql`clock_timestamp()`,
    })
    .where(isHeld(fence))
    .returning({ build: snapshotBuilds.build })
  await db.execute(sql`select pg_notify('drydock_builds', ${fence.key})`)
  return rows.length > 0
}

/** A build as those see it who wait for it. */
export type BuildSeen = SnapshotBuild & { isLive: boolean }

export async function readBuild(
  db: Executor,
  { hostId, environmentId, key }: BuildKey,
): Promise<BuildSeen | undefined> {
  const [row] = await db
    .select({ build: snapshotBuilds, isLive: isLive() })
    .from(snapshotBuilds)
    .where(
      and(
        eq(snapshotBuilds.hostId, hostId),
        eq(snapshotBuilds.environmentId, environmentId),
        eq(snapshotBuilds.key, key),
      ),
    )
  return row && { ...row.build, isLive: row.isLive }
}

/** Whether a build is under way: somebody holds it. */
export const isLive = () =>
  sql<boolean>`(${snapshotBuilds.state} = 'running' and ${snapshotBuilds.leaseUntil} >= clock_timestamp())`

/** The ids of the builds of a host that somebody holds. */
export async function liveBuilds(db: Executor, hostId: string): Promise<Set<string>> {
  const rows = await db
    .select({ build: snapshotBuilds.build })
    .from(snapshotBuilds)
    .where(and(eq(snapshotBuilds.hostId, hostId), isLive()))
  return new Set(rows.map(({ build }) => build))
}

/** Ends the builds of an environment that are under way: whoever builds learns so with its next renewal. */
export async function abandonBuilds(db: Executor, environmentId: string, message: string): Promise<void> {
  await db
    .update(snapshotBuilds)
    .set({ state: 'abandoned', message, finishedAt: sql`clock_timestamp()` })
    .where(and(eq(snapshotBuilds.environmentId, environmentId), eq(snapshotBuilds.state, 'running')))
  await db.execute(sql`select pg_notify('drydock_builds', '')`)
}

/** Gives up what an earlier process of this host held, without waiting for the leases. Only its successor may call this. */
export async function releaseBuilds(db: Db, hostId: string): Promise<void> {
  await db
    .update(snapshotBuilds)
    .set({ state: 'abandoned', message: 'The runner that built it was lost', finishedAt: sql`clock_timestamp()` })
    .where(and(eq(snapshotBuilds.hostId, hostId), eq(snapshotBuilds.state, 'running')))
  await db.execute(sql`select pg_notify('drydock_builds', '')`)
}

/** Forgets builds that ended long ago; the last one of each environment stays for people to see. */
export async function forgetBuilds(db: Db, hostId: string): Promise<void> {
  await db.execute(sql`
    delete from snapshot_builds b where b.host_id = ${hostId} and b.state <> 'running'
      and b.finished_at < clock_timestamp() - ${FORGET_AFTER}
      and exists (select from snapshot_builds n where n.host_id = b.host_id and n.environment_id = b.environment_id
        and n.started_at > b.started_at)`)
}

const until = (leaseMs: number) => sql`clock_timestamp() + make_interval(secs => ${leaseMs / 1000})`

const isHeld = ({ hostId, environmentId, key, build }: BuildFence) =>
  and(
    eq(snapshotBuilds.hostId, hostId),
    eq(snapshotBuilds.environmentId, environmentId),
    eq(snapshotBuilds.key, key),
    eq(snapshotBuilds.build, build),
    eq(snapshotBuilds.state, 'running'),
  )
