import { bigint, doublePrecision, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { at } from '../columns.ts'
import { attempts, users } from '../schema.ts'

/**
 * Each request to a model, of a task or of a person's own tool. Written when it goes out, with the tokens that are reserved for
 * it, and completed under the same number when it is over.
 */
export const modelUsage = pgTable(
  'model_usage',
  {
    sandbox: text('sandbox').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    at: at('at').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** `local`, or that of the task. */
    product: text('product').notNull(),
    attemptId: text('attempt_id').references(() => attempts.id, { onDelete: 'set null' }),
    provider: text('provider'),
    model: text('model'),
    verdict: text('verdict').$type<'allow' | 'deny'>().notNull(),
    reason: text('reason'),
    status: integer('status'),
    inputTokens: bigint('input_tokens', { mode: 'number' }).notNull(),
    outputTokens: bigint('output_tokens', { mode: 'number' }).notNull(),
    /** Null while it is open, and for ever where its end was lost. */
    ms: doublePrecision('ms'),
  },
  (t) => [
    primaryKey({ columns: [t.sandbox, t.seq] }),
    index('model_usage_by_user').on(t.userId, t.at),
    index('model_usage_by_time').on(t.at),
    index('model_usage_by_attempt')
      .on(t.attemptId)
      .where(sql`attempt_id is not null`),
  ],
)
