import { expect, test } from 'vitest'
import { measureClaims } from '../../../bench/claims.ts'
import { testDatabase } from '../../support/database.ts'

test('measureClaims() finds caps kept, no double claim and fair order, with caps that bind', async () => {
  await using database = await testDatabase({ max: 2 })
  const address = { kind: 'url', url: database.url } as const
  const result = await measureClaims(address, { users: 20, environments: 10, queued: 200, seconds: 3 })
  expect(result).toMatchObject({ violations: [], users: 20, environments: 10, connections: 8 })
  expect(result.claims).toBeGreaterThan(30)
  expect(result.boundUsers).toBeGreaterThan(5)
})
