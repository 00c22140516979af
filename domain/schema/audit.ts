import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import type { AuditAction } from '../audit/actions.ts'
import { at, bytea } from '../columns.ts'
import { apiTokens } from '../schema.ts'

/**
 * Who did what, append-only: a chain in which each entry has the hash of the one before. Names are copies, since what they
 * name may be renamed or gone. No reference to other tables: nothing that is deleted takes an entry along.
 */
export const auditEntries = pgTable(
  'audit_entries',
  {
    /** From 1, without gaps. */
    seq: bigint('seq', { mode: 'number' }).primaryKey(),
    at: at('at').notNull(),
    /** Null for the server itself. */
    actorId: text('actor_id'),
    actorName: text('actor_name').notNull(),
    /** With what they came: the id says with which. */
    via: text('via').$type<'token' | 'session' | 'server'>().notNull(),
    credentialId: text('credential_id'),
    address: text('address'),
    action: text('action').$type<AuditAction>().notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    targetName: text('target_name').notNull(),
    before: jsonb('before'),
    after: jsonb('after'),
    previousHash: bytea('previous_hash').notNull(),
    hash: bytea('hash').notNull(),
  },
  (t) => [
    index('audit_entries_by_actor').on(t.actorId, t.seq),
    index('audit_entries_by_target').on(t.targetId, t.seq),
    index('audit_entries_by_action').on(t.action, t.seq),
  ],
)

/** The end of the chain, and its beginning: the last entry that retention removed. One row, which orders the writers. */
export const auditHead = pgTable(
  'audit_head',
  {
    id: integer('id').primaryKey(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    hash: bytea('hash').notNull(),
    anchorSeq: bigint('anchor_seq', { mode: 'number' }).notNull(),
    anchorHash: bytea('anchor_hash').notNull(),
  },
  () => [check('audit_head_one', sql`id = 1`)],
)

/** When the use of a service account's token was last written down. */
export const auditTokenUses = pgTable('audit_token_uses', {
  tokenId: text('token_id')
    .primaryKey()
    .references(() => apiTokens.id, { onDelete: 'cascade' }),
  at: at('at').notNull(),
})
