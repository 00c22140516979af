import { sql } from 'drizzle-orm'
import { bigint, check, doublePrecision, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { at } from '../columns.ts'
import { attempts, environments } from '../schema.ts'

/** What sandboxes asked of the network. Written when it is decided, and completed under the same number when it is over. */
export const ledger = pgTable(
  'ledger',
  {
    sandbox: text('sandbox').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** Either that, or the environment and the build in the background. */
    attemptId: text('attempt_id').references(() => attempts.id, { onDelete: 'cascade' }),
    environmentId: text('environment_id').references(() => environments.id, { onDelete: 'cascade' }),
    build: text('build'),
    at: at('at').notNull(),
    phase: text('phase'),
    layer: text('layer').notNull(),
    asked: text('asked'),
    host: text('host'),
    port: integer('port'),
    address: text('address'),
    method: text('method'),
    path: text('path'),
    verdict: text('verdict').$type<'allow' | 'deny'>().notNull(),
    rule: text('rule'),
    reason: text('reason'),
    status: integer('status'),
    bytesUp: bigint('bytes_up', { mode: 'number' }).notNull(),
    bytesDown: bigint('bytes_down', { mode: 'number' }).notNull(),
    /** Null while the exchange is open, and for ever where its end was lost. */
    ms: doublePrecision('ms'),
    policyVersion: bigint('policy_version', { mode: 'number' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.sandbox, t.seq] }),
    index('ledger_by_attempt').on(t.attemptId, t.at, t.sandbox, t.seq),
    index('ledger_by_environment')
      .on(t.environmentId, t.at, t.sandbox, t.seq)
      .where(sql`environment_id is not null`),
    index('ledger_of_builds_by_time')
      .on(t.at)
      .where(sql`environment_id is not null`),
    check('ledger_owner', sql`(attempt_id is null) <> (environment_id is null)`),
  ],
)

/**
 * The ledger summed up, kept by the statement that writes it: reading it costs the same however much a sandbox asks for.
 * Empty text stands for none.
 */
export const ledgerHosts = pgTable(
  'ledger_hosts',
  {
    attemptId: text('attempt_id')
      .notNull()
      .references(() => attempts.id, { onDelete: 'cascade' }),
    verdict: text('verdict').$type<'allow' | 'deny'>().notNull(),
    host: text('host').notNull(),
    rule: text('rule').notNull(),
    reason: text('reason').notNull(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
    bytesUp: bigint('bytes_up', { mode: 'number' }).notNull(),
    bytesDown: bigint('bytes_down', { mode: 'number' }).notNull(),
    first: at('first').notNull(),
    last: at('last').notNull(),
  },
  (t) => [primaryKey({ columns: [t.attemptId, t.verdict, t.host, t.rule, t.reason] })],
)

/** All of an attempt's records of one verdict, those included that `ledger_hosts` has no more room for. */
export const ledgerTotals = pgTable(
  'ledger_totals',
  {
    attemptId: text('attempt_id')
      .notNull()
      .references(() => attempts.id, { onDelete: 'cascade' }),
    verdict: text('verdict').$type<'allow' | 'deny'>().notNull(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
    bytesUp: bigint('bytes_up', { mode: 'number' }).notNull(),
    bytesDown: bigint('bytes_down', { mode: 'number' }).notNull(),
    /** Rows of `ledger_hosts`. */
    rows: integer('rows').notNull(),
  },
  (t) => [primaryKey({ columns: [t.attemptId, t.verdict] })],
)
