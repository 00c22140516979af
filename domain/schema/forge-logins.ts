import { bigint, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at } from '../columns.ts'
import { users } from '../schema.ts'

/** Who a person is on a forge (R25). The account's number says so: a login can be renamed, and taken by somebody else. */
export const forgeLogins = pgTable(
  'forge_logins',
  {
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** Where the forge is for people, as in `github.com`. */
    host: text('host').notNull(),
    login: text('login').notNull(),
    accountId: bigint('account_id', { mode: 'number' }).notNull(),
    /** When the person's own token showed it. */
    verifiedAt: at('verified_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.host] }), uniqueIndex('forge_logins_account').on(t.host, t.accountId)],
)
