import { boolean, index, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at, bytea, createdAt } from '../columns.ts'
import { apiTokens, users } from '../schema.ts'
import { groups } from './access.ts'

/** Where people sign in: an OpenID Connect issuer with our client there. */
export const signInProviders = pgTable(
  'sign_in_providers',
  {
    id: text('id').primaryKey(),
    /** In the address that the issuer sends people back to. */
    name: text('name').notNull(),
    displayName: text('display_name').notNull(),
    /** Never changes: it is half of who everybody from there is. */
    issuer: text('issuer').notNull(),
    clientId: text('client_id').notNull(),
    /** Null for a client without one, which PKCE alone protects. */
    sealedSecret: bytea('sealed_secret'),
    scopes: text('scopes').array().notNull(),
    /** The claim that names groups; null: groups are not synchronised. */
    groupClaim: text('group_claim'),
    /** Lower case; none: any, and none at all. */
    emailDomains: text('email_domains').array().notNull().default([]),
    /** Of people who come for the first time. */
    defaultRole: text('default_role').$type<'member' | 'viewer'>().notNull().default('member'),
    enabled: boolean('enabled').notNull().default(true),
    createdAt: createdAt(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('sign_in_providers_name').on(t.name)],
)

/** Whom the issuer says to be in `value`, is in the group. */
export const signInGroups = pgTable(
  'sign_in_groups',
  {
    providerId: text('provider_id')
      .notNull()
      .references(() => signInProviders.id, { onDelete: 'cascade' }),
    value: text('value').notNull(),
    groupId: text('group_id')
      .notNull()
      .references(() => groups.id, { onDelete: 'cascade' }),
  },
  (t) => [primaryKey({ columns: [t.providerId, t.value, t.groupId] })],
)

/** Who a person is for others: issuer and subject, never an e-mail (R23). */
export const identities = pgTable(
  'identities',
  {
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
    lastSignInAt: at('last_sign_in_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.issuer, t.subject] }), index('identities_by_user').on(t.userId)],
)

/**
 * A sign-in under way, known by the hash of what the browser keeps in a cookie. State, nonce and verifier are made of that,
 * so that whoever reads this table can go on with none.
 */
export const signInAttempts = pgTable(
  'sign_in_attempts',
  {
    hash: bytea('hash').primaryKey(),
    providerId: text('provider_id')
      .notNull()
      .references(() => signInProviders.id, { onDelete: 'cascade' }),
    returnTo: text('return_to').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [index('sign_in_attempts_by_expiry').on(t.expiresAt)],
)

/** A browser that somebody signed in with. A row that is gone speaks for nobody. */
export const sessions = pgTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of what is in the cookie: 256 random bits need no salt. */
    hash: bytea('hash').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** What they signed in with: a provider, or a token, whose limits are then the session's. */
    providerId: text('provider_id').references(() => signInProviders.id, { onDelete: 'cascade' }),
    tokenId: text('token_id').references(() => apiTokens.id, { onDelete: 'cascade' }),
    address: text('address'),
    userAgent: text('user_agent'),
    createdAt: createdAt(),
    lastSeenAt: at('last_seen_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('sessions_hash').on(t.hash), index('sessions_by_user').on(t.userId)],
)
