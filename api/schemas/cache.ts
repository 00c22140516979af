import { z } from '@hono/zod-openapi'
import type { CacheView } from '../../domain/environments/cache.ts'
import type { SnapshotBuild } from '../../domain/environments/snapshot-builds.ts'
import { BUILD_STATES } from '../../domain/schema/snapshots.ts'

const SHOWN_CHARACTERS = 16_000

const Build = z.object({
  host: z.string(),
  key: z.string(),
  state: z.enum(BUILD_STATES),
  cause: z.string().openapi({ description: 'Why it was begun' }),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  ms: z.int().min(0).nullable(),
  output: z.string().openapi({ description: 'The last of what it printed' }),
})

export const CacheSchema = z
  .object({
    snapshots: z.array(
      z.object({
        host: z.string(),
        key: z.string(),
        createdAt: z.iso.datetime(),
        expiresAt: z.iso.datetime(),
        lastUsedAt: z.iso.datetime(),
        sizeBytes: z.int().min(0),
        fromCommit: z.string(),
        inUse: z.boolean().openapi({ description: 'A task that is under way was started from it' }),
      }),
    ),
    building: Build.nullable().openapi({ description: 'The build that is under way' }),
    lastBuild: Build.nullable().openapi({ description: 'The last one that ended' }),
  })
  .openapi('Cache')

export type CacheJson = z.infer<typeof CacheSchema>
export type BuildJson = z.infer<typeof Build>

export function cacheJson({ snapshots, building, lastBuild }: CacheView): CacheJson {
  return {
    snapshots: snapshots.map(({ hostId, key, sizeBytes, fromCommit, inUse, ...at }) => ({
      host: hostId,
      key,
      createdAt: at.createdAt.toISOString(),
      expiresAt: at.expiresAt.toISOString(),
      lastUsedAt: at.lastUsedAt.toISOString(),
      sizeBytes,
      fromCommit,
      inUse,
    })),
    building: building ? buildJson(building) : null,
    lastBuild: lastBuild ? buildJson(lastBuild) : null,
  }
}

function buildJson({ hostId, startedAt, finishedAt, output, ...build }: SnapshotBuild): BuildJson {
  const { key, state, cause, reason, message } = build
  return {
    ...{ host: hostId, key, state, cause, reason, message },
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    ms: finishedAt && Math.max(0, finishedAt.getTime() - startedAt.getTime()),
    output: output.slice(-SHOWN_CHARACTERS).toWellFormed(),
  }
}
