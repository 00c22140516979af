import { bigint, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at, createdAt } from '../columns.ts'
import { environments } from '../schema.ts'

/** A set-up container image of an environment. One row per key; the image carries the row's id as a label. */
export const snapshots = pgTable(
  'snapshots',
  {
    id: text('id').primaryKey(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    image: text('image').notNull(),
    fromCommit: text('from_commit').notNull(),
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    createdAt: createdAt(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [uniqueIndex('snapshots_key').on(t.environmentId, t.key)],
)
