import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageQuery } from '../../../domain/tasks/list.ts'
import type { TaskFilter } from '../../../domain/tasks/list.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { planOf } from '../../support/plan.ts'
import { seedEnvironment, seedUser } from '../../support/seed.ts'

const LIMIT = 5

let database: TestDatabase
const environmentIds: string[] = []
const creatorIds: string[] = []

beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  for (let i = 0; i < 50; i++) creatorIds.push(await seedUser(db))
  for (let i = 0; i < 50; i++) environmentIds.push(await seedEnvironment(db))
  // Each filter fits about one task in fifty, without a pattern that the planner could use.
  const pick = (salt: number) => sql`1 + (hashint4(n + ${salt}::int) & 2147483647) % 50`
  await db.execute(sql`
    insert into tasks (id, title, environment_id, mode, creator_id, product, agent, state, created_at)
    select 't' || n, 'a task', (${sql.param(environmentIds)}::text[])[${pick(1_000_000)}], 'code',
      (${sql.param(creatorIds)}::text[])[${pick(2_000_000)}], 'api', 'command',
      case when ${pick(3_000_000)} = 1 then 'failed' else 'succeeded' end, now() - n * interval '1 second'
    from generate_series(1, 50000) n`)
  await db.execute(sql`analyze tasks`)
})
afterAll(() => database[Symbol.asyncDispose]())

const named = { creator: () => creatorIds[3], environment: () => environmentIds[2] }
const cases: [string, () => TaskFilter][] = [
  ['tasks_by_time', () => ({})],
  ['tasks_by_state', () => ({ state: 'failed' })],
  ['tasks_by_environment', () => ({ environmentId: named.environment() })],
  ['tasks_by_creator', () => ({ creatorId: named.creator() })],
  ['tasks_by_creator_state', () => ({ creatorId: named.creator(), state: 'failed' })],
  ['tasks_by_creator_environment', () => ({ creatorId: named.creator(), environmentId: named.environment() })],
]

test.each(cases)(
  'pageQuery() walks %s in order, first page and later ones, without sorting tasks',
  async (index, filter) => {
    const middle = new Date(Date.now() - 25_000_000).getTime() * 1000
    const cursor = Buffer.from(`${middle}.t1`).toString('base64url')
    for (const page of [{ limit: LIMIT }, { limit: LIMIT, cursor }]) {
      const nodes = await planOf(database.db, pageQuery(database.db, filter(), page))
      const scan = nodes.find((node) => node['Index Name'] === index)
      expect(scan?.['Node Type']).toMatch(/^Index (Only )?Scan$/)
      // The index gives what the page needs and no more: it is in the order of the query.
      expect((scan?.['Actual Rows'] ?? Infinity) * (scan?.['Actual Loops'] ?? 1)).toBeLessThanOrEqual(LIMIT + 1)
    }
  },
)

test('pageQuery() takes a page from each environment that one may use, and reads no more of them', async () => {
  const seenBy = { userId: creatorIds[3] ?? '', permissions: new Set<never>(), groupIds: [] }
  const middle = new Date(Date.now() - 25_000_000).getTime() * 1000
  const cursor = Buffer.from(`${middle}.t1`).toString('base64url')
  for (const page of [{ limit: LIMIT }, { limit: LIMIT, cursor }]) {
    const nodes = await planOf(database.db, pageQuery(database.db, { seenBy }, page))
    const scan = nodes.find((node) => node['Index Name'] === 'tasks_by_environment')
    expect(scan?.['Actual Rows']).toBeLessThanOrEqual(LIMIT + 1)
    expect(scan?.['Actual Loops']).toBe(environmentIds.length)
  }
})
