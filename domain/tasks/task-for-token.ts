// Who asks and the task that they ask for, by one statement: it is what is asked most often, and one way to the database.
// Rights are looked up by it as ever, so a token that was revoked a moment ago reads nothing.

import { eq, sql } from 'drizzle-orm'
import { audience, withAudience } from '../access/facts.ts'
import type { Principal } from '../access/principal.ts'
import { relationToRow } from '../access/relation.ts'
import { holderColumns, holderFrom, speaksForHolder, tokenHash } from '../access/tokens.ts'
import type { Db } from '../db.ts'
import { prepared } from '../prepared.ts'
import { apiTokens, environments, tasks, users } from '../schema.ts'
import { rowColumns } from './task-row.ts'
import type { TaskForDecision, TaskRow } from './task-row.ts'

const holderAndTask = (db: Db) =>
  prepared(db, 'holderAndTask', (on) =>
    on
      .select({ holder: holderColumns, row: rowColumns, relation: relationToRow(), audience })
      .from(apiTokens)
      .innerJoin(users, eq(users.id, apiTokens.userId))
      .leftJoin(tasks, eq(tasks.id, sql.placeholder('taskId')))
      .leftJoin(environments, eq(environments.id, tasks.environmentId))
      .where(speaksForHolder())
      .prepare('holderAndTask'),
  )

/**
 * Who a token speaks for, as `findUserByToken` has it, and the task beside what the decision on it is made of; null where
 * there is no such task.
 */
export async function findHolderAndTask(
  db: Db,
  token: string,
  { taskId, address }: { taskId: string; address?: string | undefined },
): Promise<{ principal: Principal; task: TaskForDecision | null } | undefined> {
  const hash = tokenHash(token)
  if (hash === undefined) return undefined
  const [found] = await holderAndTask(db).execute({ hash, taskId })
  if (found === undefined) return undefined
  const { holder, row, ...known } = found
  const principal = await holderFrom(db, holder, address)
  if (row.id === null) return { principal, task: null }
  const task = row as TaskRow
  return { principal, task: { facts: withAudience({ id: task.id, creatorId: task.creator, ...known }), row: task } }
}
