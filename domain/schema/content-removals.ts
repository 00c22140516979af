import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { at } from '../columns.ts'
import type { ContentKind, RemovalCause } from '../retention/kinds.ts'
import { tasks } from '../schema.ts'

/** What is removed of a task. From the moment of the row on, nobody gets it; `done_at` is when none of it was left. */
export const contentRemovals = pgTable(
  'content_removals',
  {
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    kind: text('kind').$type<ContentKind>().notNull(),
    at: at('at').notNull().defaultNow(),
    why: text('why').$type<RemovalCause>().notNull(),
    /** Days of retention, or minutes of zero retention, that held. */
    after: integer('after'),
    doneAt: at('done_at'),
  },
  (t) => [
    primaryKey({ columns: [t.taskId, t.kind] }),
    index('content_removals_left')
      .on(t.at)
      .where(sql`done_at is null`),
  ],
)

/** Trees of removed changes that a host still has in its mirrors' stores, until its runner has looked. */
export const staleTrees = pgTable(
  'stale_trees',
  {
    hostId: text('host_id').notNull(),
    tree: text('tree').notNull(),
    at: at('at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.hostId, t.tree] })],
)
