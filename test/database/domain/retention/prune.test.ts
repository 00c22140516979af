import { eq, sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SERVER } from '../../../../domain/audit/actions.ts'
import { pruneContent, pruneZeroRetained } from '../../../../domain/retention/prune.ts'
import { attempts, turns } from '../../../../domain/schema.ts'
import { contentRemovals, staleTrees } from '../../../../domain/schema/content-removals.ts'
import { ledger } from '../../../../domain/schema/ledger.ts'
import { updateSettings } from '../../../../domain/settings/settings.ts'
import type { SettingsChange } from '../../../../domain/settings/settings.ts'
import { appendEvent } from '../../../../domain/tasks/append-events.ts'
import { requestPublish } from '../../../../domain/tasks/publish-request.ts'
import { readTask } from '../../../../domain/tasks/read.ts'
import { createTurn } from '../../../../domain/tasks/turns.ts'
import { allEntries, verifyAll } from '../../../support/audit.ts'
import { ledgerRow, seedContent, tablesWith } from '../../../support/content.ts'
import { testDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { seedEnvironment } from '../../../support/seed.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database[Symbol.asyncDispose]())

const db = () => database.db
const set = (change: SettingsChange) => updateSettings(db(), change, SERVER)
const ALL = { transcriptRetentionDays: 30, changesRetentionDays: 30, ledgerRetentionDays: 30 }
const kindsOf = async (taskId: string) => {
  const rows = await db().select().from(contentRemovals).where(eq(contentRemovals.taskId, taskId))
  return rows.map(({ kind }) => kind).sort()
}

test('pruneContent() removes nothing where everything is kept for ever', async () => {
  const { taskId } = await seedContent(db(), { daysAgo: 1000 })
  const before = await tablesWith(db())
  await pruneContent(db())
  await pruneZeroRetained(db())
  expect(await tablesWith(db())).toEqual(before)
  expect((await readTask(db(), taskId))?.removed).toBeUndefined()
})

test('pruneContent() leaves of a task that it happened, how and to whom, and not a word of it', async () => {
  const { taskId, userId } = await seedContent(db(), { daysAgo: 31 })
  const before = await readTask(db(), taskId)
  expect(await tablesWith(db())).toHaveLength(10)
  await set(ALL)
  await pruneContent(db())
  expect(await tablesWith(db())).toEqual([])
  const after = await readTask(db(), taskId)
  const [was, is] = [before?.turns[0]?.attempts[0], after?.turns[0]?.attempts[0]]
  expect(after).toMatchObject({ id: taskId, state: 'succeeded', creator: userId, turns: [{ prompt: '', images: 1 }] })
  expect(is).toMatchObject({
    usage: was?.usage,
    diff: was?.diff,
    startedAt: was?.startedAt,
    finishedAt: was?.finishedAt,
  })
  expect(is?.network).toMatchObject({ requests: 1, bytesUp: 5, hosts: [] })
  expect(after?.removed?.map(({ kind, why, after }) => `${kind} ${why} ${after}`).sort()).toEqual([
    'changes retention 30',
    'ledger retention 30',
    'transcript retention 30',
  ])
})

test.each([
  [
    'transcriptRetentionDays',
    'transcript',
    ['change_patches', 'diffs', 'agent_sessions', 'ledger', 'turn_images'],
    ['events'],
  ],
  [
    'changesRetentionDays',
    'changes',
    ['events', 'ledger'],
    ['diffs', 'change_patches', 'agent_sessions', 'turn_images'],
  ],
  ['ledgerRetentionDays', 'ledger', ['events', 'diffs', 'agent_sessions'], ['ledger', 'ledger_hosts']],
] as const)('%s removes the %s alone', async (setting, kind, stays, goes) => {
  const { taskId } = await seedContent(db(), { daysAgo: 31 })
  await set({ [setting]: 30 })
  await pruneContent(db())
  expect(await kindsOf(taskId)).toEqual([kind])
  const left = await tablesWith(db())
  expect(left).toEqual(expect.arrayContaining([...stays]))
  expect(left.filter((table) => (goes as readonly string[]).includes(table))).toEqual([])
})

test.each([
  ['is younger', 29, {}],
  ['runs', 31, { state: 'running' }],
  ['waits in the queue', 31, { state: 'queued' }],
  ['is being published', 31, { publishState: 'pending' }],
] as const)('a task that %s is left alone', async (_, daysAgo, attempt) => {
  const { taskId } = await seedContent(db(), { daysAgo, attempt })
  const before = await tablesWith(db())
  await set({ ...ALL, zeroRetentionMinutes: 60 * 24 * 7 })
  if (daysAgo < 30) await set({ zeroRetentionMinutes: null })
  await pruneContent(db())
  await pruneZeroRetained(db())
  expect(await kindsOf(taskId)).toEqual([])
  expect(await tablesWith(db())).toEqual(before)
})

test('a task that goes on keeps the session and the change that its follow-up needs', async () => {
  const { taskId, userId } = await seedContent(db(), { daysAgo: 31 })
  await createTurn(db(), { taskId, userId, prompt: 'more' })
  await set(ALL)
  await pruneContent(db())
  expect(await kindsOf(taskId)).toEqual([])
})

test('the period begins anew with the last word about a publishing', async () => {
  const { taskId, attemptId } = await seedContent(db(), { daysAgo: 31 })
  const published = { phase: 'publish' as const, kind: 'publish', payload: { state: 'published' }, at: new Date() }
  await appendEvent(db(), attemptId, published)
  await set(ALL)
  await pruneContent(db())
  expect(await kindsOf(taskId)).toEqual([])
})

test('a task that somebody holds at this moment is left for the next time', async () => {
  const { taskId, attemptId } = await seedContent(db(), { daysAgo: 31 })
  await set(ALL)
  await db().transaction(async (tx) => {
    await tx.select().from(attempts).where(eq(attempts.id, attemptId)).for('update')
    await pruneContent(db())
    expect(await kindsOf(taskId)).toEqual([])
  })
  await pruneContent(db())
  expect(await kindsOf(taskId)).toHaveLength(3)
})

test('pruneContent() goes on with what a process that died had marked, and done again changes nothing', async () => {
  const { taskId } = await seedContent(db())
  await db().insert(contentRemovals).values({ taskId, kind: 'transcript', why: 'retention', after: 30 })
  await pruneContent(db())
  expect(await tablesWith(db())).not.toContain('events')
  const before = await db().select().from(contentRemovals)
  expect(before[0]?.doneAt).toBeInstanceOf(Date)
  await pruneContent(db())
  expect(await db().select().from(contentRemovals)).toEqual(before)
})

test('pruneContent() works through more than one batch of tasks and of rows', async () => {
  const { taskId } = await seedContent(db(), { daysAgo: 31 })
  await db().execute(sql`
    insert into events (task_id, seq, attempt_id, at, phase, kind, payload)
    select task_id, g, attempt_id, at, phase, kind, payload from events cross join generate_series(3, 6000) g where seq = 1`)
  await db().execute(sql`update task_event_heads set last_seq = 6000`)
  await db().execute(sql`
    insert into tasks select (jsonb_populate_record(t, jsonb_build_object('id', 'copy' || g))).*
    from tasks t cross join generate_series(1, 210) g where t.id = ${taskId}`)
  await db().execute(sql`insert into task_event_heads (task_id) select id from tasks where id like 'copy%'`)
  await set({ transcriptRetentionDays: 30 })
  await pruneContent(db())
  const [counts] = await db().execute<{ events: number; marked: number }>(sql`
    select (select count(*)::int from events) as events,
      (select count(*)::int from content_removals where done_at is not null) as marked`)
  expect(counts).toEqual({ events: 0, marked: 211 })
})

test('what is removed is in the audit log by number, and its chain holds', async () => {
  await seedContent(db(), { daysAgo: 31 })
  await set({ transcriptRetentionDays: 30 })
  await pruneContent(db())
  await pruneContent(db())
  const entries = (await allEntries(db())).filter(({ action }) => action === 'content.remove')
  expect(entries).toMatchObject([{ after: { kind: 'transcript', why: 'retention', after: 30, tasks: 1 } }])
  expect((await verifyAll(db())).broken).toBeNull()
})

test('pruneZeroRetained() removes what people wrote once the grace is over, and keeps ledger and counts', async () => {
  const old = await seedContent(db(), { daysAgo: 1, attempt: { publishState: 'published' } })
  const young = await seedContent(db())
  await set({ zeroRetentionMinutes: 60 })
  await pruneZeroRetained(db())
  expect(await kindsOf(old.taskId)).toEqual(['changes', 'transcript'])
  expect(await kindsOf(young.taskId)).toEqual([])
  const view = await readTask(db(), old.taskId)
  expect(view?.removed?.[0]).toMatchObject({ why: 'zero-retention', after: 60 })
  // What is published is known by the name of its branch.
  expect(view?.turns[0]?.attempts[0]?.branch).toContain('drydock/')
  expect(await db().select().from(ledger).where(eq(ledger.attemptId, old.attemptId))).toHaveLength(1)
})

test('zero retention of no minutes removes a task as soon as it has ended', async () => {
  const { taskId } = await seedContent(db())
  await set({ zeroRetentionMinutes: 0 })
  await pruneZeroRetained(db())
  expect(await kindsOf(taskId)).toEqual(['changes', 'transcript'])
})

test('the ledger of builds in the background goes by its own age', async () => {
  const environmentId = await seedEnvironment(db())
  const row = (seq: number, at: Date) => ledgerRow({ sandbox: 'b', seq, at, environmentId, build: 'x' })
  await db()
    .insert(ledger)
    .values([row(1, new Date('2020-01-01')), row(2, new Date())])
  await set({ transcriptRetentionDays: 1 })
  await pruneContent(db())
  expect(await db().select().from(ledger)).toHaveLength(2)
  await set({ ledgerRetentionDays: 1 })
  await pruneContent(db())
  expect((await db().select().from(ledger)).map(({ seq }) => seq)).toEqual([2])
})

test('what is removed is refused to whoever goes on with it or publishes it', async () => {
  const { taskId, attemptId, userId } = await seedContent(db(), { daysAgo: 31, attempt: { changes: [] } })
  await set({ changesRetentionDays: 30 })
  await pruneContent(db())
  const after = 'its content was removed after 30 days'
  await expect(createTurn(db(), { taskId, userId, prompt: 'more' })).rejects.toMatchObject({
    code: 'content-removed',
    message: `Cannot go on with task "${taskId}": ${after}`,
  })
  await expect(requestPublish(db(), { by: SERVER, attemptId, confirmFlagged: true })).rejects.toMatchObject({
    code: 'content-removed',
    message: `Cannot publish attempt "${attemptId}": ${after}`,
  })
  expect(await db().select().from(turns).where(eq(turns.taskId, taskId))).toHaveLength(1)
})

test('the trees of removed changes are listed for the host that has them', async () => {
  await seedContent(db(), { daysAgo: 31 })
  await set({ changesRetentionDays: 30 })
  await pruneContent(db())
  const listed = await db().select().from(staleTrees)
  expect(listed.map(({ hostId, tree }) => `${hostId} ${tree}`)).toContain(`host ${'a'.repeat(40)}`)
})
