// All that is kept about a person, as records with a `type` each. Of secrets there is what says that they exist; the archives of
// agents' sessions are opaque to everybody, and their size is here.

import { and, asc, eq, getTableColumns, gt, or, sql } from 'drizzle-orm'
import { listTokens } from '../access/tokens.ts'
import { listSessions } from '../access/sessions.ts'
import { findUser } from '../access/users.ts'
import { foldEmail } from '../access/principal.ts'
import type { Db } from '../db.ts'
import { attempts, diffs, environments, events, tasks, turns } from '../schema.ts'
import { environmentCollaborators } from '../schema/access.ts'
import { changePatches } from '../schema/change-patches.ts'
import { ledger } from '../schema/ledger.ts'
import { identities } from '../schema/sign-in.ts'
import { agentSessions, turnImages } from '../schema/turns.ts'
import { modelUsage } from '../schema/usage.ts'
import { readTask } from '../tasks/read.ts'
import { listForgeLogins } from './forge-logins.ts'

const AT_ONCE = 500

export type PersonRecord = { type: string } & Record<string, unknown>

/** Reads as it goes, some hundred rows at a time. Rejects with `user-not-found` before the first record. */
export async function* exportPerson(db: Db, userId: string): AsyncGenerator<PersonRecord, void> {
  yield* profile(db, userId)
  let last = ''
  for (;;) {
    const page = await tasksOf(db, userId, last)
    for (const { id } of page) yield* taskRecords(db, id)
    const next = page.at(-1)?.id
    if (next === undefined) break
    last = next
  }
  yield* usageOf(db, userId)
}

async function* profile(db: Db, userId: string): AsyncGenerator<PersonRecord, void> {
  const person = await findUser(db, userId)
  yield { type: 'person', ...person }
  const { issuer, subject, createdAt, lastSignInAt } = identities
  const known = await db
    .select({ issuer, subject, createdAt, lastSignInAt })
    .from(identities)
    .where(eq(identities.userId, userId))
  yield* typed('identity', known)
  yield* typed('forge-login', await listForgeLogins(db, userId))
  yield* typed('token', await listTokens(db, userId))
  yield* typed('session', await listSessions(db, userId))
  const { id, name, createdAt: madeAt } = environments
  const own = await db
    .select({ id, name, createdAt: madeAt })
    .from(environments)
    .where(eq(environments.createdBy, userId))
  yield* typed('environment', own)
  const shared = await db
    .select({ environmentId: environmentCollaborators.environmentId })
    .from(environmentCollaborators)
    .where(eq(environmentCollaborators.email, foldEmail(person.email)))
  yield* typed('collaboration', shared)
}

/** Those that they started, and those of others that they went on with. */
async function tasksOf(db: Db, userId: string, after: string) {
  const tookPart = sql`exists (select from ${attempts} a where a.task_id = ${tasks.id} and a.user_id = ${userId})`
  return db
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(or(eq(tasks.creatorId, userId), tookPart), gt(tasks.id, after)))
    .orderBy(asc(tasks.id))
    .limit(AT_ONCE)
}

async function* taskRecords(db: Db, taskId: string): AsyncGenerator<PersonRecord, void> {
  yield { type: 'task', ...(await readTask(db, taskId)) }
  const ofTask = eq(attempts.taskId, taskId)
  const { attemptId, patch } = diffs
  const first = await db
    .select({ attemptId, patch })
    .from(diffs)
    .innerJoin(attempts, eq(attempts.id, attemptId))
    .where(ofTask)
  const others = await db
    .select(getTableColumns(changePatches))
    .from(changePatches)
    .innerJoin(attempts, eq(attempts.id, changePatches.attemptId))
    .where(ofTask)
  for (const { patch: bytes, ...of } of [...first, ...others]) yield { type: 'diff', ...of, base64: base64(bytes) }
  yield* inputs(db, taskId)
  const { agent, version, size, createdAt } = agentSessions
  const kept = await db
    .select({ attemptId: agentSessions.attemptId, agent, version, size, createdAt })
    .from(agentSessions)
    .where(eq(agentSessions.taskId, taskId))
  yield* typed('agent-session', kept)
  yield* eventsOf(db, taskId)
  yield* ledgerOf(db, taskId)
}

/** What was given with prompts. */
async function* inputs(db: Db, taskId: string): AsyncGenerator<PersonRecord, void> {
  const { id, startingPatch } = turns
  const asked = await db.select({ id, startingPatch }).from(turns).where(eq(turns.taskId, taskId)).orderBy(asc(turns.n))
  for (const turn of asked) {
    if (turn.startingPatch) yield { type: 'starting-diff', turnId: turn.id, base64: base64(turn.startingPatch) }
    const pictures = await db.select().from(turnImages).where(eq(turnImages.turnId, turn.id)).orderBy(asc(turnImages.n))
    for (const { bytes, ...picture } of pictures) yield { type: 'image', ...picture, base64: base64(bytes) }
  }
}

async function* eventsOf(db: Db, taskId: string): AsyncGenerator<PersonRecord, void> {
  let after = 0
  for (;;) {
    const page = await db
      .select()
      .from(events)
      .where(and(eq(events.taskId, taskId), gt(events.seq, after)))
      .orderBy(asc(events.seq))
      .limit(AT_ONCE)
    yield* typed('event', page)
    const last = page.at(-1)
    if (last === undefined) return
    after = last.seq
  }
}

async function* ledgerOf(db: Db, taskId: string): AsyncGenerator<PersonRecord, void> {
  const ran = await db.select({ id: attempts.id }).from(attempts).where(eq(attempts.taskId, taskId))
  for (const { id } of ran) {
    yield* inPages('request', (place) =>
      db
        .select()
        .from(ledger)
        .where(and(eq(ledger.attemptId, id), place && sql`(sandbox, seq) > (${place.sandbox}, ${place.seq}::bigint)`))
        .orderBy(asc(ledger.sandbox), asc(ledger.seq))
        .limit(AT_ONCE),
    )
  }
}

async function* usageOf(db: Db, userId: string): AsyncGenerator<PersonRecord, void> {
  yield* inPages('usage', (place) =>
    db
      .select()
      .from(modelUsage)
      .where(
        and(eq(modelUsage.userId, userId), place && sql`(sandbox, seq) > (${place.sandbox}, ${place.seq}::bigint)`),
      )
      .orderBy(asc(modelUsage.sandbox), asc(modelUsage.seq))
      .limit(AT_ONCE),
  )
}

type Place = { sandbox: string; seq: number }

async function* inPages<R extends Place>(type: string, read: (after: Place | undefined) => PromiseLike<R[]>) {
  let last: R | undefined
  do {
    const page: R[] = await read(last)
    yield* typed(type, page)
    last = page.at(-1)
  } while (last !== undefined)
}

function* typed(type: string, rows: readonly object[]): Generator<PersonRecord, void> {
  for (const row of rows) yield { type, ...row }
}

const base64 = (bytes: Buffer) => bytes.toString('base64')
