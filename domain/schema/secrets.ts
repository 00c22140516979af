import { integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { at, bytea, createdAt } from '../columns.ts'
import { environments } from '../schema.ts'

/**
 * What set-up scripts of an environment may know (`setup`), or what the gateway adds for one host and the sandbox never
 * sees (`brokered`). Writable, never readable.
 */
export const environmentSecrets = pgTable(
  'environment_secrets',
  {
    id: text('id').primaryKey(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    kind: text('kind').$type<'setup' | 'brokered'>().notNull(),
    /** Of brokered ones: for which host, and in which header. */
    host: text('host'),
    header: text('header'),
    sealedValue: bytea('sealed_value').notNull(),
    /** Raised with every new value: part of the key of snapshots. */
    version: integer('version').notNull().default(1),
    createdAt: createdAt(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (t) => [uniqueIndex('environment_secrets_name').on(t.environmentId, t.name)],
)
