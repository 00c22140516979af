import { and, eq, lt, sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { newId } from '../ids.ts'
import { snapshots } from '../schema/snapshots.ts'

export type Snapshot = typeof snapshots.$inferSelect
export type NewSnapshot = Pick<Snapshot, 'environmentId' | 'key' | 'image' | 'fromCommit' | 'sizeBytes'> & {
  ttlMs: number
}

/** The snapshot of a key, while it is valid. */
export async function findSnapshot(
  db: Db,
  { environmentId, key }: Pick<Snapshot, 'environmentId' | 'key'>,
): Promise<Snapshot | undefined> {
  const rows = await db
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.environmentId, environmentId), eq(snapshots.key, key), sql`${snapshots.expiresAt} > now()`))
  return rows[0]
}

/** Records a snapshot; one of the same key is replaced. */
export async function saveSnapshot(db: Db, { ttlMs, ...snapshot }: NewSnapshot): Promise<void> {
  const fresh = { ...snapshot, createdAt: sql`now()`, expiresAt: sql`now() + make_interval(secs => ${ttlMs / 1000})` }
  await db
    .insert(snapshots)
    .values({ ...fresh, id: newId() })
    .onConflictDoUpdate({ target: [snapshots.hostId, snapshots.environmentId, snapshots.key], set: fresh })
}

/** Forgets snapshots that are no longer valid and names their images. */
export async function takeExpired(db: Db): Promise<string[]> {
  const rows = await db
    .delete(snapshots)
    .where(lt(snapshots.expiresAt, sql`now()`))
    .returning({ image: snapshots.image })
  return rows.map((row) => row.image)
}

/** The images that rows still name. */
export async function snapshotImages(db: Db): Promise<Set<string>> {
  return new Set((await db.select({ image: snapshots.image }).from(snapshots)).map((row) => row.image))
}
