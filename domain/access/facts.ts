// What the decision on one object is made of: each in one statement, whether there is such an object or not.

import { and, eq, isNull, or, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { prepared } from '../prepared.ts'
import { attempts, environments, settings, tasks } from '../schema.ts'
import { TASK_AUDIENCES } from './decide.ts'
import type { Facts, ObjectNeed, TaskAudience } from './decide.ts'
import type { Viewer } from './principal.ts'
import { mayUse, relationTo, relationToPlaceholder, viewerValues } from './relation.ts'

export type ObjectFacts = Facts & { id: string }
export type ObjectQuestion = { of: ObjectNeed['of']; id: string }

/** What is known of an object, by its id; an environment's name is as good. */
export async function findFacts(db: Executor, viewer: Viewer, asked: ObjectQuestion): Promise<ObjectFacts | undefined> {
  if (asked.of === 'environment') return environmentFacts(db, viewer, asked.id)
  const found = await (asked.of === 'task' ? taskFacts(db, viewer, asked.id) : attemptFacts(db, viewer, asked.id))
  return found && withAudience(found)
}

/** What a statement says of whose tasks this workspace shows to people, as `withAudience` reads it. */
export const audience = sql<string | null>`(select value #>> '{}' from settings where key = 'tasksVisibleTo')`

async function taskFacts(db: Executor, viewer: Viewer, id: string) {
  const statement = prepared(db, 'taskFacts', (on) =>
    on
      .select({ id: tasks.id, creatorId: tasks.creatorId, relation: relationToPlaceholder(), audience })
      .from(tasks)
      .innerJoin(environments, eq(environments.id, tasks.environmentId))
      .where(eq(tasks.id, sql.placeholder('id')))
      .prepare('taskFacts'),
  )
  const [row] = await statement.execute({ id, ...viewerValues(viewer) })
  return row
}

async function attemptFacts(db: Executor, viewer: Viewer, id: string) {
  const statement = prepared(db, 'attemptFacts', (on) =>
    on
      .select({ id: attempts.id, creatorId: tasks.creatorId, relation: relationToPlaceholder(), audience })
      .from(attempts)
      .innerJoin(tasks, eq(tasks.id, attempts.taskId))
      .innerJoin(environments, eq(environments.id, tasks.environmentId))
      .where(eq(attempts.id, sql.placeholder('id')))
      .prepare('attemptFacts'),
  )
  const [row] = await statement.execute({ id, ...viewerValues(viewer) })
  return row
}

/** Among those that they may use: one that is hidden stands in the way of no other that has its id for a name. */
async function environmentFacts(db: Executor, viewer: Viewer, idOrName: string): Promise<ObjectFacts | undefined> {
  const isNamed = or(eq(environments.id, idOrName), eq(environments.name, idOrName))
  const rows = await db
    .select({ id: environments.id, relation: relationTo(viewer) })
    .from(environments)
    .where(and(isNull(environments.deletedAt), isNamed, mayUse(viewer)))
  return rows.find(({ id }) => id === idOrName) ?? rows[0]
}

/** Whose tasks this workspace shows to people. */
export async function readTaskAudience(db: Executor): Promise<TaskAudience> {
  const [row] = await db.select({ value: settings.value }).from(settings).where(eq(settings.key, 'tasksVisibleTo'))
  return audienceOf(row?.value)
}

export const withAudience = (found: Omit<ObjectFacts, 'audience'> & { audience: string | null }): ObjectFacts => ({
  ...found,
  audience: audienceOf(found.audience),
})

/** What nobody has set is `creator`. */
function audienceOf(value: unknown): TaskAudience {
  return TASK_AUDIENCES.find((known) => known === value) ?? 'creator'
}
