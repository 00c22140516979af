// The cache of an environment as people see and order it.

import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { environments, repositories } from '../schema.ts'
import { environmentSecrets } from '../schema/secrets.ts'
import { cacheOrders, snapshotBuilds, snapshots } from '../schema/snapshots.ts'
import { readSettings } from '../settings/settings.ts'
import { environmentTarget } from './audited.ts'
import { underCeilings } from './ceilings.ts'
import { abandonBuilds, isLive as isBuildLive } from './snapshot-builds.ts'
import type { SnapshotBuild } from './snapshot-builds.ts'
import { isLive as isSnapshotLive } from './snapshots.ts'
import type { Snapshot } from './snapshots.ts'

/**
 * Makes every snapshot of an environment useless, for all hosts: the next start sets up anew. What is being built ends;
 * whoever waits for it begins anew, too.
 */
export async function resetCache(db: Db, environmentId: string, by: Actor): Promise<void> {
  await db.transaction(async (tx) => {
    await tx
      .update(environments)
      .set({ cacheEpoch: sql`${environments.cacheEpoch} + 1` })
      .where(eq(environments.id, environmentId))
    await abandonBuilds(tx, environmentId, 'The cache was reset')
    await order(tx, environmentId, { resetBy: by.name, resetAt: sql`clock_timestamp()` })
    await recordAudit(tx, { by, action: 'cache.reset', target: await environmentTarget(tx, environmentId) })
  })
}

/** Asks every runner to set the environment up anew in the background; what is valid serves until then. */
export async function refreshCache(db: Db, environmentId: string, by: Actor): Promise<void> {
  await db.transaction(async (tx) => {
    await order(tx, environmentId, { refreshBy: by.name, refreshAt: sql`clock_timestamp()` })
    await recordAudit(tx, { by, action: 'cache.refresh', target: await environmentTarget(tx, environmentId) })
  })
}

type Order = Partial<Record<'resetBy' | 'refreshBy', string> & Record<'resetAt' | 'refreshAt', ReturnType<typeof sql>>>

async function order(db: Executor, environmentId: string, change: Order): Promise<void> {
  await db
    .insert(cacheOrders)
    .values({ environmentId, ...change })
    .onConflictDoUpdate({ target: cacheOrders.environmentId, set: change })
  await wakeCaches(db)
}

/** Tells runners that an environment may need another snapshot. */
export async function wakeCaches(db: Executor): Promise<void> {
  await db.execute(sql`select pg_notify('drydock_cache', '')`)
}

export type CacheOrders = typeof cacheOrders.$inferSelect

export async function readOrders(db: Executor, environmentId: string): Promise<CacheOrders | undefined> {
  const [found] = await db.select().from(cacheOrders).where(eq(cacheOrders.environmentId, environmentId))
  return found
}

/** Names and versions of the secrets that set-up may know: their values are no part of a key. */
export async function setupSecretVersions(
  db: Executor,
  environmentId: string,
): Promise<{ name: string; version: number }[]> {
  return db
    .select({ name: environmentSecrets.name, version: environmentSecrets.version })
    .from(environmentSecrets)
    .where(and(eq(environmentSecrets.environmentId, environmentId), eq(environmentSecrets.kind, 'setup')))
    .orderBy(environmentSecrets.name)
}

export type CacheView = {
  snapshots: (Snapshot & { inUse: boolean })[]
  building: SnapshotBuild | undefined
  lastBuild: SnapshotBuild | undefined
}

/** What an environment's cache holds at all hosts, and the last that was built. */
export async function readCache(db: Executor, environmentId: string): Promise<CacheView> {
  const [kept, builds] = await Promise.all([
    db
      .select({ snapshot: snapshots, inUse: isSnapshotLive() })
      .from(snapshots)
      .where(and(eq(snapshots.environmentId, environmentId), isNull(snapshots.removedAt)))
      .orderBy(desc(snapshots.createdAt)),
    db
      .select({ build: snapshotBuilds, isLive: isBuildLive() })
      .from(snapshotBuilds)
      .where(eq(snapshotBuilds.environmentId, environmentId))
      .orderBy(desc(snapshotBuilds.startedAt)),
  ])
  return {
    snapshots: kept.map(({ snapshot, inUse }) => ({ ...snapshot, inUse })),
    building: builds.find(({ isLive }) => isLive)?.build,
    lastBuild: builds.find(({ build }) => build.state !== 'running')?.build,
  }
}

/** An environment with its repository, as a set-up needs them. */
export type SetUpSource = {
  environment: typeof environments.$inferSelect
  repository: typeof repositories.$inferSelect
}

/**
 * The environments whose snapshots a host keeps fresh: those used there within a day, and those that somebody asked to
 * refresh since the host last built them.
 */
export async function cachesToKeep(db: Db, hostId: string): Promise<(SetUpSource & { refreshBy: string | null })[]> {
  const lastUse = sql`(select max(s.last_used_at) from snapshots s
    where s.host_id = ${hostId} and s.environment_id = ${environments.id})`
  const lastBuild = sql`(select max(b.started_at) from snapshot_builds b
    where b.host_id = ${hostId} and b.environment_id = ${environments.id})`
  const isAsked = sql`(${cacheOrders.refreshAt} > coalesce(${lastBuild}, '-infinity'))`
  const ceilings = await readSettings(db)
  const rows = await db
    .select({
      environment: environments,
      repository: repositories,
      refreshBy: sql<string | null>`case when ${isAsked} then ${cacheOrders.refreshBy} end`,
    })
    .from(environments)
    .innerJoin(repositories, eq(repositories.id, environments.repositoryId))
    .leftJoin(cacheOrders, eq(cacheOrders.environmentId, environments.id))
    .where(
      and(
        isNull(environments.deletedAt),
        sql`(coalesce(${environments.setupScript}, '') <> '' or ${environments.versions} <> '{}')`,
        sql`(${lastUse} > now() - interval '1 day' or ${isAsked})`,
      ),
    )
    .orderBy(sql`${isAsked} desc nulls last`, environments.id)
  return rows.map(({ environment, ...row }) => ({
    ...row,
    environment: { ...environment, ...underCeilings(environment, ceilings) },
  }))
}

/** Whether tasks wait for a runner. */
export async function areTasksWaiting(db: Executor): Promise<boolean> {
  const [found] = await db.execute<{ waiting: boolean }>(
    sql`select exists (select from user_load where queued > 0) or exists (select from load_arrivals) as waiting`,
  )
  return found?.waiting === true
}
