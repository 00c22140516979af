import { boolean, index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import type { Permission } from '../access/permissions.ts'
import type { Scope } from '../access/principal.ts'
import { at, bytea, createdAt } from '../columns.ts'
import { sessions } from './sign-in.ts'

/**
 * A program without a browser that asks for a token, until a person says yes or no. Both of its codes are known by their
 * hash; the short one could be found by trying all, and is worth nothing without a person who is signed in.
 */
export const deviceCodes = pgTable(
  'device_codes',
  {
    hash: bytea('hash').primaryKey(),
    userCodeHash: bytea('user_code_hash').notNull(),
    /** What it calls itself: the token gets this name. */
    client: text('client').notNull(),
    address: text('address'),
    /** What it asks for; once somebody has confirmed, what it gets. */
    scopes: text('scopes').array().$type<Scope[]>().notNull(),
    /** Of who confirmed. It goes with the session, so that nobody gets a token from who was signed out meanwhile. */
    sessionId: text('session_id').references(() => sessions.id, { onDelete: 'cascade' }),
    denied: boolean('denied').notNull().default(false),
    /** Of the token: as it may do no more than the session. */
    permissions: text('permissions').array().$type<Permission[]>(),
    tokenExpiresAt: at('token_expires_at'),
    createdAt: createdAt(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [
    uniqueIndex('device_codes_user_code').on(t.userCodeHash),
    index('device_codes_by_expiry').on(t.expiresAt),
    index('device_codes_by_session').on(t.sessionId),
  ],
)
