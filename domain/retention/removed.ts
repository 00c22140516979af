import { and, asc, eq, inArray } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { attempts } from '../schema.ts'
import { contentRemovals } from '../schema/content-removals.ts'
import { removedBecause } from './kinds.ts'
import type { ContentKind } from './kinds.ts'

const { kind, at, why, after } = contentRemovals

/** What is gone of a task, since when, and by which rule. */
export type ContentRemoval = Pick<typeof contentRemovals.$inferSelect, 'kind' | 'at' | 'why' | 'after'>

/** What somebody wants of a task or attempt, and how the sentence begins that refuses it: "Cannot show the diff of …". */
export type Wanted = ({ taskId: string } | { attemptId: string }) & { kinds: readonly ContentKind[]; cannot: string }

/**
 * Rejects with `content-removed` where some of it is. Whoever reads content asks after reading it, and whoever goes on with a
 * task asks while holding it: removing begins with the row that is looked for here.
 */
export async function assertKept(db: Executor, { kinds, cannot, ...of }: Wanted): Promise<void> {
  const ofTask =
    'taskId' in of
      ? eq(contentRemovals.taskId, of.taskId)
      : inArray(
          contentRemovals.taskId,
          db.select({ id: attempts.taskId }).from(attempts).where(eq(attempts.id, of.attemptId)),
        )
  const [gone] = await db
    .select({ why, after })
    .from(contentRemovals)
    .where(and(ofTask, inArray(kind, [...kinds])))
    .orderBy(asc(at))
    .limit(1)
  if (gone) throw new DrydockError('content-removed', `${cannot}: its content was ${removedBecause(gone)}`)
}
