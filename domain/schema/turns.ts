import { integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, createdAt } from '../columns.ts'
import { attempts, tasks, turns } from '../schema.ts'
import type { ImageType } from '../tasks/images.ts'

/** Pictures that belong to a prompt. */
export const turnImages = pgTable(
  'turn_images',
  {
    turnId: text('turn_id')
      .notNull()
      .references(() => turns.id, { onDelete: 'cascade' }),
    n: integer('n').notNull(),
    mediaType: text('media_type').$type<ImageType>().notNull(),
    bytes: bytea('bytes').notNull(),
  },
  (t) => [primaryKey({ columns: [t.turnId, t.n] })],
)

/** What an agent keeps of a conversation, as one sealed archive that only a sandbox of the same task opens (R17). */
export const agentSessions = pgTable('agent_sessions', {
  attemptId: text('attempt_id')
    .primaryKey()
    .references(() => attempts.id, { onDelete: 'cascade' }),
  taskId: text('task_id')
    .notNull()
    .references(() => tasks.id, { onDelete: 'cascade' }),
  agent: text('agent').notNull(),
  version: text('version').notNull(),
  sessionId: text('session_id').notNull(),
  sealedArchive: bytea('sealed_archive').notNull(),
  /** Bytes of the archive before sealing. */
  size: integer('size').notNull(),
  createdAt: createdAt(),
})
