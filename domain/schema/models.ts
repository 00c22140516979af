import { bigint, boolean, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { at, bytea, createdAt } from '../columns.ts'
import type { KeyHeader, ModelFeature, Wire } from '../providers/provider.ts'

/** Where models are. The key is sealed (`domain/secrets`). */
export const modelProviders = pgTable(
  'model_providers',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    wire: text('wire').$type<Wire>().notNull(),
    baseUrl: text('base_url').notNull(),
    sealedKey: bytea('sealed_key'),
    keyHeader: jsonb('key_header').$type<KeyHeader>(),
    internal: boolean('internal').notNull().default(false),
    models: text('models').array().notNull().default([]),
    features: text('features').array().$type<ModelFeature[]>().notNull().default([]),
    maxOutputTokens: integer('max_output_tokens').notNull().default(32_000),
    concurrency: integer('concurrency').notNull().default(8),
    idleMs: integer('idle_ms').notNull().default(300_000),
    totalMs: integer('total_ms').notNull().default(1_800_000),
    /** For attempts whose environment has no budget of its own; null: none. */
    budgetTokens: bigint('budget_tokens', { mode: 'number' }),
    isDefault: boolean('is_default').notNull().default(false),
    createdAt: createdAt(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('model_providers_name').on(t.name),
    uniqueIndex('model_providers_default')
      .on(t.wire)
      .where(sql`is_default`),
  ],
)

/** Headers that the gateway adds to requests of a rule that names them. */
export const credentials = pgTable(
  'credentials',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    header: text('header').notNull(),
    sealedValue: bytea('sealed_value').notNull(),
    createdAt: createdAt(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('credentials_name').on(t.name)],
)
