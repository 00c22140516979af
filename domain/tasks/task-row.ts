// A task and all that its page shows, as one row of one statement: turns, attempts and what became of them come as JSON that
// the database puts together. So everything is of one moment, and costs one way to the database.

import { eq, sql } from 'drizzle-orm'
import { audience, withAudience } from '../access/facts.ts'
import type { ObjectFacts } from '../access/facts.ts'
import type { Viewer } from '../access/principal.ts'
import { relationToPlaceholder, viewerValues } from '../access/relation.ts'
import type { Executor } from '../db.ts'
import type { LedgerTotal } from '../ledger/summary.ts'
import { prepared } from '../prepared.ts'
import type { ContentRemoval } from '../retention/removed.ts'
import { environments, tasks, users } from '../schema.ts'
import type { attempts } from '../schema.ts'
import type { DiffStats } from './attempt.ts'

/** The columns that a list and a single task share. */
export const headColumns = {
  id: tasks.id,
  title: tasks.title,
  mode: tasks.mode,
  environment: tasks.environmentId,
  environmentName: environments.name,
  product: tasks.product,
  creator: tasks.creatorId,
  creatorName: users.name,
  state: tasks.state,
  createdAt: tasks.createdAt,
} as const

/** As JSON has it: moments are text. */
export type AttemptRow = Omit<Attempt, 'startedAt' | 'finishedAt'> & {
  startedAt: string | null
  finishedAt: string | null
  diff: DiffStats | null
  pullRequest: { number: number; url: string } | null
  /** What it asked of the network, by verdict; null: nothing. */
  network: LedgerTotal[] | null
}
export type TurnRow = { id: string; prompt: string; images: number; attempts: AttemptRow[] }
export type RemovalRow = Omit<ContentRemoval, 'at'> & { at: string }

type Attempt = Pick<
  typeof attempts.$inferSelect,
  | 'id'
  | 'n'
  | 'state'
  | 'reason'
  | 'message'
  | 'phases'
  | 'answer'
  | 'flagged'
  | 'branch'
  | 'commit'
  | 'changes'
  | 'start'
  | 'agentVersion'
  | 'publishState'
  | 'publishReason'
  | 'inputTokens'
  | 'outputTokens'
  | 'startedAt'
  | 'finishedAt'
>

/** The attempts of a row `t` of `turns`. */
const attemptsOfTurn = sql`(
  select coalesce(json_agg(attempt order by attempt.n), '[]') from (
    select a.id, a.n, a.state, a.reason, a.message, a.phases, a.answer, a.flagged, a.branch, a.commit, a.changes, a.start,
      a.agent_version as "agentVersion", a.publish_state as "publishState", a.publish_reason as "publishReason",
      a.input_tokens as "inputTokens", a.output_tokens as "outputTokens", a.started_at as "startedAt",
      a.finished_at as "finishedAt",
      (select json_build_object('files', d.files, 'additions', d.additions, 'deletions', d.deletions)
        from diffs d where d.attempt_id = a.id) as diff,
      (select json_build_object('number', p.number, 'url', p.url)
        from pull_requests p where p.attempt_id = a.id) as "pullRequest",
      (select json_agg(json_build_object('attempt', l.attempt_id, 'verdict', l.verdict, 'requests', l.requests,
          'bytesUp', l.bytes_up, 'bytesDown', l.bytes_down))
        from ledger_totals l where l.attempt_id = a.id) as network
    from attempts a where a.turn_id = t.id
  ) attempt)`

export const rowColumns = {
  ...headColumns,
  creatorName: sql<string>`(select u.name from users u where u.id = tasks.creator_id)`,
  branch: tasks.branch,
  agent: tasks.agent,
  turns: sql<TurnRow[]>`(
    select coalesce(json_agg(turn order by turn.n), '[]') from (
      select t.id, t.n, t.prompt, (select count(*) from turn_images i where i.turn_id = t.id) as images,
        ${attemptsOfTurn} as attempts
      from turns t where t.task_id = tasks.id
    ) turn)`,
  removed: sql<RemovalRow[]>`(
    select coalesce(json_agg(gone order by gone.at, gone.kind), '[]') from (
      select c.kind, c.at, c.why, c.after from content_removals c where c.task_id = tasks.id
    ) gone)`,
}

const taskRow = (db: Executor) =>
  prepared(db, 'taskRow', (on) =>
    on
      .select(rowColumns)
      .from(tasks)
      .innerJoin(environments, eq(environments.id, tasks.environmentId))
      .where(eq(tasks.id, sql.placeholder('taskId')))
      .prepare('taskRow'),
  )

const taskRowWithFacts = (db: Executor) =>
  prepared(db, 'taskRowWithFacts', (on) =>
    on
      .select({ row: rowColumns, relation: relationToPlaceholder(), audience })
      .from(tasks)
      .innerJoin(environments, eq(environments.id, tasks.environmentId))
      .where(eq(tasks.id, sql.placeholder('taskId')))
      .prepare('taskRowWithFacts'),
  )

export type TaskRow = Awaited<ReturnType<ReturnType<typeof taskRow>['execute']>>[number]

export async function findTaskRow(db: Executor, taskId: string): Promise<TaskRow | undefined> {
  const [row] = await taskRow(db).execute({ taskId })
  return row
}

/** A task beside what the decision on it is made of: nothing of the row is for anybody before that. */
export type TaskForDecision = { facts: ObjectFacts; row: TaskRow }

/** The task for somebody who is known already; undefined where there is none. */
export async function findTaskRowFor(
  db: Executor,
  viewer: Viewer,
  taskId: string,
): Promise<TaskForDecision | undefined> {
  const [found] = await taskRowWithFacts(db).execute({ taskId, ...viewerValues(viewer) })
  if (found === undefined) return undefined
  const { row, ...known } = found
  return { facts: withAudience({ id: row.id, creatorId: row.creator, ...known }), row }
}
