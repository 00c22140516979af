import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageQuery } from '../../../domain/tasks/list.ts'
import type { TaskFilter } from '../../../domain/tasks/list.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedUser } from '../../support/seed.ts'

let database: TestDatabase
const environmentIds: string[] = []
const creatorIds: string[] = []

beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  for (let i = 0; i < 10; i++) creatorIds.push(await seedUser(db))
  for (let i = 0; i < 5; i++) environmentIds.push(await seedEnvironment(db))
  await db.execute(sql`
    insert into tasks (id, title, environment_id, mode, creator_id, product, agent, state, created_at)
    select 't' || n, 'a task', (${sql.param(environmentIds)}::text[])[1 + n % 5], 'code',
      (${sql.param(creatorIds)}::text[])[1 + n / 5 % 10], 'api', 'command',
      (array['succeeded', 'failed', 'running', 'cancelled'])[1 + n / 50 % 4], now() - n * interval '1 second'
    from generate_series(1, 40000) n`)
  await db.execute(sql`analyze tasks`)
})
afterAll(() => database[Symbol.asyncDispose]())

type Plan = {
  'Node Type': string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Plan[]
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

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
    const middle = new Date(Date.now() - 20_000_000).getTime() * 1000
    const cursor = Buffer.from(`${middle}.t1`).toString('base64url')
    for (const page of [{ limit: 50 }, { limit: 50, cursor }]) {
      const query = pageQuery(database.db, filter(), page)
      const rows = await database.db.execute<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        sql`explain (analyze, format json) ${query}`,
      )
      const nodes = nodesOf(rows[0]?.['QUERY PLAN'][0].Plan ?? expect.unreachable())
      const scan = nodes.find((node) => node['Index Name'] === index)
      expect(scan?.['Node Type']).toMatch(/^Index (Only )?Scan$/)
      // The index gives what the page needs and no more: it is in the order of the query.
      expect((scan?.['Actual Rows'] ?? Infinity) * (scan?.['Actual Loops'] ?? 1)).toBeLessThanOrEqual(51)
    }
  },
)
