import { pgTable, text } from 'drizzle-orm/pg-core'
import { bytea } from '../columns.ts'

/** One known text under the current master key: a server whose keys do not open it has the wrong ones. */
export const keyCanary = pgTable('key_canary', {
  id: text('id').primaryKey(),
  sealedText: bytea('sealed_text').notNull(),
})
