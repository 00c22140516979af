import { and, inArray, isNull } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { environments } from '../schema.ts'

export type EnvironmentVersion = { id: string; updatedAt: Date; cacheEpoch: number }

/** When environments were last changed; without those that are gone. */
export function environmentVersions(db: Db, ids: readonly string[]): Promise<EnvironmentVersion[]> {
  const { id, updatedAt, cacheEpoch, deletedAt } = environments
  return db
    .select({ id, updatedAt, cacheEpoch })
    .from(environments)
    .where(and(inArray(id, [...ids]), isNull(deletedAt)))
}
