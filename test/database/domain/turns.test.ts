import { SERVER } from '../../../domain/audit/actions.ts'
import { randomBytes } from 'node:crypto'
import { and, asc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deleteEnvironment } from '../../../domain/environments/environments.ts'
import { attempts, tasks, turns } from '../../../domain/schema.ts'
import { agentSessions } from '../../../domain/schema/turns.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { latestAgentSession, saveAgentSession } from '../../../domain/tasks/agent-sessions.ts'
import { cancelTask } from '../../../domain/tasks/cancel.ts'
import { enterState, recordAgentVersion, recordUsage, succeed } from '../../../domain/tasks/fenced.ts'
import { claimNext } from '../../../domain/tasks/queue.ts'
import { readTask } from '../../../domain/tasks/read.ts'
import { createTurn, previousAttempt, readTurnImages } from '../../../domain/tasks/turns.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { PNG } from '../../support/png.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

const keyring = parseKeyring([randomBytes(32).toString('base64')])

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const db = () => database.db

async function seeded(count = 1) {
  const userId = await seedUser(db())
  const environmentId = await seedEnvironment(db())
  const { taskId, attemptIds } = await seedTask(db(), { userId, environmentId, attempts: count })
  return { userId, environmentId, taskId, attemptIds }
}

const ended = (id: string, values: Partial<typeof attempts.$inferInsert> = {}) =>
  db()
    .update(attempts)
    .set({ state: 'succeeded', tree: 't'.repeat(40), baseCommit: 'b'.repeat(40), ...values })
    .where(eq(attempts.id, id))

async function newAttempt(taskId: string): Promise<string> {
  const [row] = await db()
    .select({ id: attempts.id })
    .from(attempts)
    .where(and(eq(attempts.taskId, taskId), eq(attempts.state, 'queued')))
  return row?.id ?? ''
}

test('createTurn() queues one attempt of the next turn, and the task is queued again', async () => {
  const { taskId, userId, attemptIds, environmentId } = await seeded()
  await ended(attemptIds[0] ?? '')
  const images = [{ mediaType: 'image/png' as const, bytes: PNG }]
  await createTurn(db(), { taskId, userId, prompt: 'And a test', images })
  const task = await readTask(db(), taskId)
  expect(task).toMatchObject({ state: 'queued', turns: [{}, { prompt: 'And a test', images: 1 }] })
  expect(task?.turns[1]?.attempts).toMatchObject([{ n: 1, state: 'queued' }])
  const [turn] = await db()
    .select()
    .from(turns)
    .where(and(eq(turns.taskId, taskId), eq(turns.n, 2)))
  expect(await readTurnImages(db(), turn?.id ?? '')).toEqual(images)
  const [row] = await db()
    .select()
    .from(attempts)
    .where(eq(attempts.turnId, turn?.id ?? ''))
  expect(row).toMatchObject({ environmentId, userId })
})

test('createTurn() at once makes one turn, and task-not-finished for the rest', async () => {
  const { taskId, userId, attemptIds } = await seeded()
  await ended(attemptIds[0] ?? '')
  const asked = await Promise.allSettled(
    Array.from({ length: 8 }, () => createTurn(db(), { taskId, userId, prompt: 'x' })),
  )
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const each of asked)
    if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'task-not-finished' })
  const found = await db().select({ n: turns.n }).from(turns).where(eq(turns.taskId, taskId)).orderBy(asc(turns.n))
  expect(found.map(({ n }) => n)).toEqual([1, 2])
})

test.each(['queued', 'preparing', 'running', 'collecting'] as const)(
  'createTurn() refuses while an attempt is %s',
  async (state) => {
    const { taskId, userId, attemptIds } = await seeded(2)
    await ended(attemptIds[0] ?? '')
    await ended(attemptIds[1] ?? '', { state })
    await expect(createTurn(db(), { taskId, userId, prompt: 'x' })).rejects.toMatchObject({ code: 'task-not-finished' })
  },
)

test('createTurn() against cancels and ends of the same task never waits for ever', async () => {
  const { taskId, userId, attemptIds } = await seeded()
  await ended(attemptIds[0] ?? '')
  const work = Array.from({ length: 30 }, (_, i) =>
    i % 2 ? cancelTask(db(), taskId, SERVER) : createTurn(db(), { taskId, userId, prompt: `${i}` }),
  )
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({ code: expect.stringMatching(/^task-/) as unknown })
    }
  }
})

test('createTurn() refuses when the environment was deleted', async () => {
  const { taskId, userId, environmentId, attemptIds } = await seeded()
  await ended(attemptIds[0] ?? '')
  await deleteEnvironment(db(), environmentId, SERVER)
  await expect(createTurn(db(), { taskId, userId, prompt: 'x' })).rejects.toMatchObject({
    code: 'environment-not-found',
  })
})

test('previousAttempt() is nothing in a first turn', async () => {
  const { attemptIds } = await seeded()
  expect(await previousAttempt(db(), attemptIds[0] ?? '')).toBeUndefined()
})

test.each([
  ['the only one that succeeded', [{ state: 'failed', tree: null }, {}], undefined, 1],
  ['the first of several that succeeded', [{}, {}], undefined, 0],
  ['the published one', [{}, { publishState: 'published' }], undefined, 1],
  ['the named one', [{}, {}, {}], 3, 2],
  ['a failed one that left its changes', [{ state: 'failed' }, { state: 'failed', tree: null }], undefined, 0],
  ['an answer, which has no tree', [{ tree: null }], undefined, 0],
] as const)('previousAttempt() is %s', async (_, states, attempt, expected) => {
  const { taskId, userId, attemptIds } = await seeded(states.length)
  for (const [i, values] of states.entries()) await ended(attemptIds[i] ?? '', values)
  await createTurn(db(), { taskId, userId, prompt: 'x', attempt })
  const found = await previousAttempt(db(), await newAttempt(taskId))
  expect(found).toMatchObject({ id: attemptIds[expected], baseCommit: 'b'.repeat(40) })
})

test('previousAttempt() goes back over a turn that left nothing', async () => {
  const { taskId, userId, attemptIds } = await seeded()
  await ended(attemptIds[0] ?? '')
  await createTurn(db(), { taskId, userId, prompt: 'x' })
  await ended(await newAttempt(taskId), { state: 'failed', tree: null })
  await createTurn(db(), { taskId, userId, prompt: 'y' })
  expect(await previousAttempt(db(), await newAttempt(taskId))).toMatchObject({ id: attemptIds[0] })
})

test('createTurn() refuses to go on from an attempt that is not there or left nothing', async () => {
  const { taskId, userId, attemptIds } = await seeded(2)
  await ended(attemptIds[0] ?? '')
  await ended(attemptIds[1] ?? '', { state: 'failed', tree: null })
  for (const attempt of [2, 4]) {
    await expect(createTurn(db(), { taskId, userId, prompt: 'x', attempt })).rejects.toMatchObject({
      code: 'attempt-not-found',
    })
  }
})

/** An attempt that a runner holds, running. */
async function held() {
  const world = await seeded()
  await db().update(attempts).set({ state: 'cancelled' }).where(eq(attempts.state, 'queued'))
  await db()
    .update(attempts)
    .set({ state: 'queued' })
    .where(eq(attempts.id, world.attemptIds[0] ?? ''))
  const fence = await claimNext(db(), { runnerId: 'h/r', leaseMs: 60_000 })
  if (fence === undefined) throw new Error('nothing was claimed')
  await enterState(db(), fence, 'running')
  return { ...world, fence }
}
const session = { agent: 'codex', version: '0.169.0 sha256:ab', sessionId: 'id-1', archive: randomBytes(5000) }

test('an agent session is sealed, and comes back to a follow-up of the same task, agent and version alone', async () => {
  const { fence, taskId, userId } = await held()
  await saveAgentSession(db(), keyring, { fence, session: { ...session, archive: Buffer.from('first') } })
  await saveAgentSession(db(), keyring, { fence, session })
  const [row] = await db().select().from(agentSessions).where(eq(agentSessions.taskId, taskId))
  expect(row?.sealedArchive.includes(session.archive.subarray(0, 32))).toBe(false)
  await enterState(db(), fence, 'collecting')
  await succeed(db(), fence, { phase: 'collect', answer: 'done', publish: { state: 'none' } })
  await createTurn(db(), { taskId, userId, prompt: 'x' })
  const wanted = { attemptId: await newAttempt(taskId), agent: session.agent, version: session.version }
  expect(await latestAgentSession(db(), keyring, wanted)).toEqual(session)
  for (const other of [{ agent: 'claude' }, { version: '0.170.0' }, { attemptId: fence.attemptId }]) {
    expect(await latestAgentSession(db(), keyring, { ...wanted, ...other })).toBeUndefined()
  }
})

test('a session of another task is not found, even where a turn points to it', async () => {
  const { fence, taskId } = await held()
  await saveAgentSession(db(), keyring, { fence, session })
  await cancelTask(db(), taskId, SERVER)
  const other = await seeded()
  await db().update(turns).set({ baseAttemptId: fence.attemptId }).where(eq(turns.taskId, other.taskId))
  const wanted = { attemptId: other.attemptIds[0] ?? '', agent: session.agent, version: session.version }
  expect(await latestAgentSession(db(), keyring, wanted)).toBeUndefined()
  expect(await previousAttempt(db(), wanted.attemptId)).toBeUndefined()
})

test('what a runner writes with a stale fence is refused and changes nothing', async () => {
  const { fence, taskId } = await held()
  const stale = { ...fence, claim: fence.claim - 1 }
  await recordUsage(db(), fence, { inputTokens: 10, outputTokens: 2 })
  await recordAgentVersion(db(), fence, 'codex 0.169.0')
  const stales = [
    () => recordUsage(db(), stale, { inputTokens: 99, outputTokens: 99 }),
    () => recordAgentVersion(db(), stale, 'other'),
    () => saveAgentSession(db(), keyring, { fence: stale, session }),
  ]
  for (const write of stales) await expect(write()).rejects.toMatchObject({ code: 'stale-fence' })
  const task = await readTask(db(), taskId)
  expect(task?.turns[0]?.attempts[0]).toMatchObject({
    usage: { inputTokens: 10, outputTokens: 2 },
    agentVersion: 'codex 0.169.0',
  })
  await cancelTask(db(), taskId, SERVER)
  await expect(recordUsage(db(), fence, { inputTokens: 11, outputTokens: 2 })).rejects.toMatchObject({
    code: 'stale-fence',
  })
  expect(await db().select().from(agentSessions).where(eq(agentSessions.taskId, taskId))).toEqual([])
})

test('recordUsage() takes any figures and never goes back', async () => {
  const { fence, taskId } = await held()
  await recordUsage(db(), fence, { inputTokens: 10, outputTokens: 5 })
  for (const inputTokens of [NaN, -5, Infinity, 3, 1.5])
    await recordUsage(db(), fence, { inputTokens, outputTokens: 0 })
  const [row] = await db().select().from(attempts).where(eq(attempts.id, fence.attemptId))
  expect(row).toMatchObject({ inputTokens: 10, outputTokens: 5 })
  await recordUsage(db(), fence, { inputTokens: 1e300, outputTokens: 6 })
  const after = await readTask(db(), taskId)
  expect(after?.turns[0]?.attempts[0]?.usage).toMatchObject({
    inputTokens: Number.MAX_SAFE_INTEGER,
    outputTokens: 6,
  })
})

test('saveAgentSession() refuses an archive over 32 MiB', async () => {
  const { fence } = await held()
  const archive = Buffer.alloc(32 * 1024 * 1024 + 1)
  await expect(saveAgentSession(db(), keyring, { fence, session: { ...session, archive } })).rejects.toMatchObject({
    code: 'request-too-large',
  })
})

test('turns go with their task', async () => {
  const { taskId } = await seeded()
  await db().delete(tasks).where(eq(tasks.id, taskId))
  expect(await readTask(db(), taskId)).toBeUndefined()
})
