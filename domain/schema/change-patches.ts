import { pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea } from '../columns.ts'
import { attempts } from '../schema.ts'

/** The patches of an attempt on several repositories; that of the first is its diff. */
export const changePatches = pgTable(
  'change_patches',
  {
    attemptId: text('attempt_id')
      .notNull()
      .references(() => attempts.id, { onDelete: 'cascade' }),
    /** The folder of the repository. */
    name: text('name').notNull(),
    patch: bytea('patch').notNull(),
  },
  (t) => [primaryKey({ columns: [t.attemptId, t.name] })],
)
