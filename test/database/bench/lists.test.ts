import { expect, test } from 'vitest'
import { measureLists } from '../../../bench/lists.ts'
import { testDatabase } from '../../support/database.ts'

test('measureLists() walks every filter to its last page and sees only what the member may', async () => {
  await using database = await testDatabase()
  const address = { kind: 'url', url: database.url } as const
  const result = await measureLists(address, { tasks: 10_000, requests: 2 })
  expect(result).toMatchObject({ tasks: 10_000, visible: 100, requests: 10 })
  const member = result.cases.filter(({ who }) => who === 'member')
  const pages = ['none 1', 'none 2', 'environment 1', 'state 1', 'both 1']
  expect(member.map(({ filter, page }) => `${filter} ${page}`)).toEqual(pages)
  expect(result.p99Ms).toBeGreaterThan(0)
})
