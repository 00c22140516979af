import { sql } from 'drizzle-orm'
import type { Db } from '../../domain/db.ts'
import { attempts, diffs, events, taskEventHeads, tasks, turns } from '../../domain/schema.ts'
import { changePatches } from '../../domain/schema/change-patches.ts'
import { ledger, ledgerHosts, ledgerTotals } from '../../domain/schema/ledger.ts'
import { agentSessions, turnImages } from '../../domain/schema/turns.ts'
import { eq } from 'drizzle-orm'
import { aChange } from './changes.ts'
import { PNG } from './png.ts'
import { seedEnvironment, seedTask, seedUser } from './seed.ts'

/** What is searched for: everything that somebody wrote has it. */
export const WRITTEN = 'quetzal'

export type Content = { taskId: string; attemptId: string; userId: string; environmentId: string }

type Wanted = {
  userId?: string
  /** How long ago the task began, ended and was last touched. */
  daysAgo?: number
  attempt?: Partial<typeof attempts.$inferInsert>
}

/** A task that has ended and left something of every kind, on several repositories. */
export async function seedContent(db: Db, { daysAgo = 0, attempt = {}, ...given }: Wanted = {}): Promise<Content> {
  const userId = given.userId ?? (await seedUser(db))
  const environmentId = await seedEnvironment(db)
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId, prompt: `Find the ${WRITTEN}` })
  const attemptId = attemptIds[0] ?? ''
  const at = sql`now() - make_interval(days => ${daysAgo}::int)`
  const flagged = [{ path: `.github/${WRITTEN}.yml`, why: 'runs' }]
  const change = aChange({ branch: `drydock/${WRITTEN}`, flagged })
  await db
    .update(tasks)
    .set({ title: `Find the ${WRITTEN}`, createdAt: at })
    .where(eq(tasks.id, taskId))
  await db.update(turns).set({ startingPatch: Buffer.from(WRITTEN) })
  await db
    .update(attempts)
    .set({
      ...{ state: 'succeeded', startedAt: at, finishedAt: at, runnerId: 'host/1', tree: 'a'.repeat(40) },
      ...{ answer: WRITTEN, message: WRITTEN, publishReason: WRITTEN, branch: `drydock/${WRITTEN}`, flagged },
      ...{ changes: [change, { ...change, name: 'web' }], inputTokens: 11, outputTokens: 7, ...attempt },
    })
    .where(eq(attempts.id, attemptId))
  await seedRows(db, { taskId, attemptId })
  await db.update(events).set({ at }).where(eq(events.taskId, taskId))
  return { taskId, attemptId, userId, environmentId }
}

async function seedRows(db: Db, { taskId, attemptId }: { taskId: string; attemptId: string }): Promise<void> {
  const [turn] = await db.select({ id: turns.id }).from(turns).where(eq(turns.taskId, taskId))
  const payload = { text: WRITTEN }
  await db
    .insert(events)
    .values([1, 2].map((seq) => ({ taskId, seq, attemptId, phase: 'agent', kind: 'message', payload })))
  await db.update(taskEventHeads).set({ lastSeq: 2 }).where(eq(taskEventHeads.taskId, taskId))
  const patch = Buffer.from(`+${WRITTEN}`)
  await db.insert(diffs).values({ attemptId, patch, files: 1, additions: 2, deletions: 3 })
  await db.insert(changePatches).values({ attemptId, name: 'web', patch })
  await db.insert(turnImages).values({ turnId: turn?.id ?? '', n: 1, mediaType: 'image/png', bytes: PNG })
  const session = { agent: 'codex', version: '1', sessionId: WRITTEN, sealedArchive: Buffer.from(WRITTEN), size: 7 }
  await db.insert(agentSessions).values({ attemptId, taskId, ...session })
  await db.insert(ledger).values(ledgerRow({ sandbox: attemptId, attemptId }))
  const sums = { attemptId, verdict: 'allow' as const, requests: 1, bytesUp: 5, bytesDown: 6 }
  const now = new Date()
  await db.insert(ledgerHosts).values({ ...sums, host: WRITTEN, rule: '', reason: '', first: now, last: now })
  await db.insert(ledgerTotals).values({ ...sums, rows: 1 })
}

/** A record of one request that was let pass. */
export function ledgerRow(of: Partial<typeof ledger.$inferInsert> & { sandbox: string }): typeof ledger.$inferInsert {
  const counts = { bytesUp: 5, bytesDown: 6, ms: 1, policyVersion: 1 }
  return { seq: 1, at: new Date(), layer: 'http', host: WRITTEN, verdict: 'allow', ...counts, ...of }
}

const TABLES = [
  ...['tasks', 'turns', 'attempts', 'events', 'diffs', 'change_patches', 'turn_images', 'agent_sessions'],
  ...['ledger', 'ledger_hosts', 'ledger_totals'],
]

/** The tables with a row in which the word, or any picture, stands. */
export async function tablesWith(db: Db, word = WRITTEN): Promise<string[]> {
  const hex = Buffer.from(word).toString('hex')
  const found = await Promise.all(
    TABLES.map(async (table) => {
      const [row] = await db.execute<{ found: boolean }>(sql`select exists (
        select from ${sql.raw(table)} t
        where t::text like ${`%${word}%`} or t::text like ${`%${hex}%`} or t::text like ${`%${PNG.toString('hex')}%`}
      ) as found`)
      return row?.found ? [table] : []
    }),
  )
  return found.flat()
}
