import { index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { at, createdAt } from '../columns.ts'
import { repositories } from '../schema.ts'

/**
 * A look into a repository that somebody asked for: the api has no mirrors, so a runner takes it like an attempt and
 * writes down what it found.
 */
export const inspections = pgTable(
  'inspections',
  {
    id: text('id').primaryKey(),
    repositoryId: text('repository_id')
      .notNull()
      .references(() => repositories.id),
    state: text('state').$type<'queued' | 'running' | 'done' | 'failed'>().notNull().default('queued'),
    claim: integer('claim').notNull().default(0),
    leaseUntil: at('lease_until'),
    /** What was found, or the code and the sentence of why nothing was. */
    result: jsonb('result').$type<Record<string, unknown>>(),
    createdAt: createdAt(),
  },
  (t) => [
    index('inspections_queue')
      .on(t.createdAt)
      .where(sql`state in ('queued', 'running')`),
  ],
)
