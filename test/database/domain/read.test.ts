import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import type { LedgerRecord } from '../../../domain/ledger/record.ts'
import { storeLedger } from '../../../domain/ledger/store.ts'
import { attempts, diffs, pullRequests, turns } from '../../../domain/schema.ts'
import { contentRemovals } from '../../../domain/schema/content-removals.ts'
import { turnImages } from '../../../domain/schema/turns.ts'
import { readTask } from '../../../domain/tasks/read.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { PNG } from '../../support/png.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

const STARTED = new Date('2026-01-02T03:04:05.678Z')
const FINISHED = new Date('2026-01-02T03:05:05.678Z')
const ODD = 'a"\\\n\u2028</script>𝄞'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const asked = (attempt: string, seq: number): LedgerRecord => ({
  ...{
    seq,
    at: STARTED.toISOString(),
    sandbox: `s-${attempt}`,
    attempt,
    phase: 'agent',
    layer: 'http',
    asked: 'a.test',
  },
  ...{ host: 'a.test', port: 443, address: null, method: 'GET', path: '/', verdict: 'allow', rule: null, reason: null },
  ...{ status: 200, bytesUp: 1, bytesDown: 2 ** 40, ms: 1, policyVersion: 1 },
})

async function seeded() {
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId, attempts: 3, prompt: ODD })
  const [first = '', second = '', third = ''] = attemptIds
  return { userId, environmentId, taskId, first, second, third }
}

test('readTask() has turns and attempts in order, and with each attempt what became of it', async () => {
  const { db } = database
  const { taskId, first, second, third, ...of } = await seeded()
  const later = newId()
  await db.insert(turns).values({ id: later, taskId, n: 2, prompt: 'and then' })
  await db.insert(turnImages).values({ turnId: later, n: 1, mediaType: 'image/png', bytes: PNG })
  await db.insert(attempts).values({ ...of, id: newId(), turnId: later, taskId, n: 1 })
  const done = { state: 'succeeded', answer: ODD, startedAt: STARTED, finishedAt: FINISHED } as const
  await db
    .update(attempts)
    .set({ ...done, inputTokens: 2 ** 50, phases: [{ phase: 'agent', ms: 1.5 }] })
    .where(eq(attempts.id, second))
  await db.insert(diffs).values({ attemptId: second, patch: Buffer.from('x'), files: 1, additions: 2, deletions: 3 })
  await db.insert(pullRequests).values({ attemptId: second, number: 7, url: 'https://a.test/7' })
  await storeLedger(db, [asked(third, 1), asked(third, 2)])

  const task = await readTask(db, taskId)
  const nothing = { diff: null, pullRequest: null, network: null, startedAt: null, finishedAt: null }
  expect(task?.turns).toMatchObject([
    {
      prompt: ODD,
      images: 0,
      attempts: [
        { id: first, n: 1, ...nothing },
        {
          ...{ id: second, n: 2, answer: ODD, startedAt: STARTED, finishedAt: FINISHED, network: null },
          phases: [{ phase: 'agent', ms: 1.5 }],
          usage: { inputTokens: 2 ** 50, outputTokens: 0, seconds: 60 },
          diff: { files: 1, additions: 2, deletions: 3 },
          pullRequest: { number: 7, url: 'https://a.test/7' },
        },
        { id: third, n: 3, network: { requests: 2, bytesDown: 2 ** 41, hosts: [{ host: 'a.test', count: 2 }] } },
      ],
    },
    { id: later, prompt: 'and then', images: 1, attempts: [{ n: 1, ...nothing }] },
  ])
  expect(task).not.toHaveProperty('removed')
  expect(task?.createdAt).toBeInstanceOf(Date)
})

test('readTask() says what is removed of a task, in the order in which that went', async () => {
  const { db } = database
  const { taskId } = await seeded()
  await db.insert(contentRemovals).values([
    { taskId, kind: 'ledger', at: FINISHED, why: 'retention', after: 2 },
    { taskId, kind: 'transcript', at: STARTED, why: 'retention', after: 1 },
  ])
  expect((await readTask(db, taskId))?.removed).toEqual([
    { kind: 'transcript', at: STARTED, why: 'retention', after: 1 },
    { kind: 'ledger', at: FINISHED, why: 'retention', after: 2 },
  ])
})
