import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventsQuery, readEventHead, readEvents } from '../../../domain/tasks/read-events.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { planOf } from '../../support/plan.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

const EVENTS = 10_000

let database: TestDatabase
const taskIds: string[] = []
beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  const [userId, environmentId] = [await seedUser(db), await seedEnvironment(db)]
  for (let i = 0; i < 4; i++) taskIds.push((await seedTask(db, { userId, environmentId })).taskId)
  for (const taskId of taskIds.slice(0, 3)) {
    await db.execute(sql`
      insert into events (task_id, seq, attempt_id, phase, kind, payload)
      select ${taskId}, n, 'a', 'agent', 'output', '{"text":"x"}' from generate_series(1, ${EVENTS}::int) n`)
  }
})
afterAll(() => database[Symbol.asyncDispose]())

const wanted = () => [
  { taskId: taskIds[0] ?? '', after: 0 },
  { taskId: taskIds[1] ?? '', after: 9995 },
  { taskId: taskIds[3] ?? '', after: 0 },
  { taskId: 'nothing', after: 0 },
]

test('readEvents() reads for many tasks, each from its own number to the limit', async () => {
  const read = new Map((await readEvents(database.db, wanted(), 10)).map((task) => [task.taskId, task]))
  const seqs = (index: number) => read.get(taskIds[index] ?? '')?.events.map(({ seq }) => seq)
  expect(seqs(0)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(seqs(1)).toEqual([9996, 9997, 9998, 9999, 10_000])
  expect(seqs(3)).toEqual([])
  expect(read.size).toBe(3)
  expect([...read.values()].map(({ ended }) => ended)).toEqual([false, false, false])
})

// Also without statistics, as in the first minutes of a server, and with those of a table that has grown.
test.each([false, true])('eventsQuery() touches only the rows of the page (analyzed: %s)', async (analyzed) => {
  if (analyzed) await database.db.execute(sql`analyze`)
  const nodes = await planOf(database.db, eventsQuery(wanted(), 10))
  const scans = nodes.filter((node) => node['Relation Name'] === 'events')
  expect(scans.length).toBeGreaterThan(0)
  for (const scan of scans) {
    expect(scan['Node Type']).toMatch(/^(Index|Bitmap Heap) Scan$/)
    expect(scan['Actual Rows'] * scan['Actual Loops']).toBeLessThanOrEqual(10 + 5 + 1)
  }
})

test('readEventHead() is 0 for a task without events or without a log', async () => {
  expect(await readEventHead(database.db, taskIds[3] ?? '')).toBe(0)
  expect(await readEventHead(database.db, 'nothing')).toBe(0)
})
