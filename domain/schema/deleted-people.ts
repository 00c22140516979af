import { pgTable, text } from 'drizzle-orm/pg-core'
import { at } from '../columns.ts'
import { users } from '../schema.ts'

/** Who was deleted. Their row stays under another name, since what they did happened; `done_at` is when all content was gone. */
export const deletedPeople = pgTable('deleted_people', {
  userId: text('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  at: at('at').notNull().defaultNow(),
  doneAt: at('done_at'),
})
