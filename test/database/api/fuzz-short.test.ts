import { expect, test } from 'vitest'
import { fuzzApi } from '../../../bench/fuzz-api/run.ts'
import { startFuzzWorld } from '../../../bench/fuzz-api/world.ts'
import { testDatabase } from '../../support/database.ts'

// `npm run fuzz -- api` sends 20,000; these are for every day.
const REQUESTS = 2000

test('requests from its own description find no fault of the server', { timeout: 120_000 }, async () => {
  await using database = await testDatabase()
  await using world = await startFuzzWorld({ kind: 'url', url: database.url })
  const { findings, valid, byStatus } = await fuzzApi(world, { requests: REQUESTS, seed: Date.now() % 1_000_000 })
  expect(findings).toEqual([])
  expect(valid).toBeGreaterThan(REQUESTS / 2)
  expect((byStatus[200] ?? 0) + (byStatus[201] ?? 0) + (byStatus[204] ?? 0)).toBeGreaterThan(REQUESTS / 10)
})

test('a fault that is planted is found, with the request that shows it', async () => {
  await using database = await testDatabase()
  await using world = await startFuzzWorld({ kind: 'url', url: database.url })
  await database.client`alter table groups rename to groups_away`
  const { findings } = await fuzzApi(world, { requests: 400, seed: 1 })
  expect(findings.join('\n')).toMatch(/\/groups.* answered 500/)
})
