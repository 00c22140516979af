import { bigint, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at, createdAt } from '../columns.ts'
import { environments } from '../schema.ts'

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
  },
  (t) => [uniqueIndex('snapshots_key').on(t.hostId, t.environmentId, t.key)],
)

/** Who builds a snapshot: a lease by the database's clock, so that one builds and the others wait. */
export const snapshotBuilds = pgTable(
  'snapshot_builds',
  {
    hostId: text('host_id').notNull(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    holder: text('holder').notNull(),
    claim: integer('claim').notNull().default(1),
    leaseUntil: at('lease_until').notNull(),
    startedAt: at('started_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.hostId, t.environmentId, t.key] })],
)
