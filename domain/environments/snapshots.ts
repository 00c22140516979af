import { and, desc, eq, isNull, ne, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { newId } from '../ids.ts'
import { environments } from '../schema.ts'
import { snapshots } from '../schema/snapshots.ts'

export type Snapshot = typeof snapshots.$inferSelect
export type NewSnapshot = Pick<
  Snapshot,
  'hostId' | 'environmentId' | 'key' | 'parts' | 'image' | 'fromCommit' | 'sizeBytes'
> & {
  ttlMs: number
  /** False for one that nobody waits for: it counts as used when those before it were. */
  isUsed: boolean
}

type Place = Pick<Snapshot, 'hostId' | 'environmentId'>

const isThere = isNull(snapshots.removedAt)
const isValid = sql`${snapshots.expiresAt} > now()`

/** The snapshot of a key while it is valid. Counts as a use: who collects garbage looks at when that was. */
export async function useSnapshot(db: Db, { hostId, environmentId, key }: Place & Pick<Snapshot, 'key'>) {
  const [found] = await db
    .update(snapshots)
    .set({ lastUsedAt: sql`clock_timestamp()` })
    .where(
      and(
        eq(snapshots.hostId, hostId),
        eq(snapshots.environmentId, environmentId),
        eq(snapshots.key, key),
        isThere,
        isValid,
      ),
    )
    .returning()
  return found
}

/** All that is known of an environment's snapshots at a host, the last one made first; also of those whose image is gone. */
export async function readSnapshots(db: Executor, { hostId, environmentId }: Place): Promise<Snapshot[]> {
  return db
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.hostId, hostId), eq(snapshots.environmentId, environmentId)))
    .orderBy(desc(snapshots.createdAt))
}

/** Records a snapshot; one of the same key is replaced, and its image is nobody's then. */
export async function saveSnapshot(db: Executor, { ttlMs, isUsed, ...snapshot }: NewSnapshot): Promise<Snapshot> {
  const earlier = sql`(select max(s.last_used_at) from ${snapshots} s
    where s.host_id = ${snapshot.hostId} and s.environment_id = ${snapshot.environmentId})`
  const fresh = {
    ...snapshot,
    createdAt: sql`clock_timestamp()`,
    expiresAt: sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000})`,
    lastUsedAt: isUsed ? sql`clock_timestamp()` : sql`coalesce(${earlier}, clock_timestamp())`,
    removedAt: null,
    removedBecause: null,
  }
  const [saved] = await db
    .insert(snapshots)
    .values({ ...fresh, id: newId() })
    .onConflictDoUpdate({ target: [snapshots.hostId, snapshots.environmentId, snapshots.key], set: fresh })
    .returning()
  if (saved === undefined) throw new Error('a row was written and is not there')
  return saved
}

/** A snapshot that has an image, as garbage collection looks at it. */
export type KeptSnapshot = Snapshot & { isExpired: boolean; isOfDeleted: boolean; isLive: boolean }

/** The snapshots of a host whose images are there, the least recently used first. */
export async function keptSnapshots(db: Db, hostId: string): Promise<KeptSnapshot[]> {
  const rows = await db
    .select({
      snapshot: snapshots,
      isExpired: sql<boolean>`not ${isValid}`,
      isOfDeleted: sql<boolean>`${environments.deletedAt} is not null`,
      isLive: isLive(),
    })
    .from(snapshots)
    .innerJoin(environments, eq(environments.id, snapshots.environmentId))
    .where(and(eq(snapshots.hostId, hostId), isThere))
    .orderBy(snapshots.lastUsedAt)
  return rows.map(({ snapshot, ...facts }) => ({ ...snapshot, ...facts }))
}

/** Whether an attempt that is under way was started from a snapshot, or is about to be. */
export const isLive = () =>
  // By name: of one table alone, drizzle leaves out which it is, and attempts have columns of the same names.
  sql<boolean>`exists (
  select from attempts a where a.state in ('preparing', 'running', 'collecting')
    and a.environment_id = snapshots.environment_id and a.start->>'snapshot' = snapshots.image)`

/**
 * Notes that an image is to be removed, unless it was used since it was looked at. What is known of older ones of the
 * environment is forgotten with it: the last one tells what changed.
 */
export async function markRemoved(
  db: Db,
  { id, hostId, environmentId, image, lastUsedAt }: Snapshot,
  because: string,
): Promise<boolean> {
  const unused = sql`${snapshots.lastUsedAt} <= ${lastUsedAt.toISOString()}::timestamptz + interval '1 millisecond'`
  const marked = await db
    .update(snapshots)
    .set({ removedAt: sql`now()`, removedBecause: because })
    .where(and(eq(snapshots.id, id), eq(snapshots.image, image), isThere, unused, sql`not ${isLive()}`))
    .returning({ id: snapshots.id })
  if (marked.length === 0) return false
  await db
    .delete(snapshots)
    .where(
      and(
        eq(snapshots.hostId, hostId),
        eq(snapshots.environmentId, environmentId),
        ne(snapshots.id, id),
        sql`${snapshots.removedAt} is not null`,
      ),
    )
  return true
}

/** The images of a host that rows still name. */
export async function snapshotImages(db: Db, hostId: string): Promise<Set<string>> {
  const rows = await db
    .select({ image: snapshots.image })
    .from(snapshots)
    .where(and(eq(snapshots.hostId, hostId), isThere))
  return new Set(rows.map((row) => row.image))
}
