import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { at } from '../columns.ts'

/**
 * How busy each user and environment is. Kept by a trigger on attempts, so that no code path can forget it; those that were
 * queued just now are in `load_arrivals`.
 */
export const userLoad = pgTable('user_load', {
  userId: text('user_id').primaryKey(),
  queued: integer('queued').notNull().default(0),
  running: integer('running').notNull().default(0),
  /** Breaks ties between users who are equally busy: the one served longest ago goes first. */
  servedAt: at('served_at'),
})
export const environmentLoad = pgTable('environment_load', {
  environmentId: text('environment_id').primaryKey(),
  queued: integer('queued').notNull().default(0),
  running: integer('running').notNull().default(0),
})

/** Attempts that were queued and that nobody has counted as queued yet: who claims does (`domain/tasks/arrivals.ts`). */
export const loadArrivals = pgTable('load_arrivals', {
  attemptId: text('attempt_id').primaryKey(),
  userId: text('user_id').notNull(),
  environmentId: text('environment_id').notNull(),
})
