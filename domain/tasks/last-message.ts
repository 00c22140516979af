import { and, desc, eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { events } from '../schema.ts'

/** What the agent of an attempt said last, as a message of its own; nothing when it only printed. */
export async function lastMessage(
  db: Executor,
  { taskId, attemptId }: { taskId: string; attemptId: string },
): Promise<string | undefined> {
  const [row] = await db
    .select({ text: sql<string | null>`${events.payload}->>'text'` })
    .from(events)
    .where(and(eq(events.taskId, taskId), eq(events.attemptId, attemptId), eq(events.kind, 'message')))
    .orderBy(desc(events.seq))
    .limit(1)
  return row?.text ?? undefined
}
