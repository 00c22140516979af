import { bigint, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at, createdAt } from '../columns.ts'
import { environments } from '../schema.ts'
import type { FailureReason } from '../tasks/attempt.ts'

/** A set-up container image of an environment, at the engine of one host. */
export const snapshots = pgTable(
  'snapshots',
  {
    id: text('id').primaryKey(),
    /** Whose engine has the image: the first part of a runner's id. */
    hostId: text('host_id').notNull().default(''),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    /** A hash for each part of the key, by the part's name: what differs is why a start missed. */
    parts: jsonb('parts').$type<Record<string, string>>().notNull().default({}),
    image: text('image').notNull(),
    fromCommit: text('from_commit').notNull(),
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    createdAt: createdAt(),
    expiresAt: at('expires_at').notNull(),
    lastUsedAt: at('last_used_at').notNull().defaultNow(),
    /** Since when its image is gone, and why. The row stays: by it a later start can say what changed. */
    removedAt: at('removed_at'),
    removedBecause: text('removed_because'),
  },
  (t) => [uniqueIndex('snapshots_key').on(t.hostId, t.environmentId, t.key)],
)

export const BUILD_STATES = ['running', 'succeeded', 'failed', 'abandoned'] as const
export type BuildState = (typeof BUILD_STATES)[number]

/**
 * Who builds a snapshot: a lease by the database's clock, so that one builds and the others wait. How it ended stays, for
 * those who waited and for people. `abandoned`: whoever built it stopped, and nothing is known about the environment.
 */
export const snapshotBuilds = pgTable(
  'snapshot_builds',
  {
    hostId: text('host_id').notNull(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    /** The id of the build: its sandbox and its image carry it as a label. */
    build: text('build').notNull().default(''),
    /** The runner that builds. */
    holder: text('holder').notNull(),
    claim: integer('claim').notNull().default(1),
    leaseUntil: at('lease_until').notNull(),
    state: text('state').$type<BuildState>().notNull().default('running'),
    /** Why it was begun: a sentence. */
    cause: text('cause').notNull().default(''),
    reason: text('reason').$type<FailureReason>(),
    message: text('message'),
    /** The last lines that it printed. */
    output: text('output').notNull().default(''),
    startedAt: at('started_at').notNull().defaultNow(),
    finishedAt: at('finished_at'),
  },
  (t) => [primaryKey({ columns: [t.hostId, t.environmentId, t.key] })],
)

/** What people last asked of the cache of an environment, by name. */
export const cacheOrders = pgTable('cache_orders', {
  environmentId: text('environment_id')
    .primaryKey()
    .references(() => environments.id, { onDelete: 'cascade' }),
  resetBy: text('reset_by'),
  resetAt: at('reset_at'),
  refreshBy: text('refresh_by'),
  refreshAt: at('refresh_at'),
})
