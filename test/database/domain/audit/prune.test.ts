import { SERVER } from '../../../../domain/audit/actions.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pruneAudit } from '../../../../domain/audit/prune.ts'
import { updateSettings } from '../../../../domain/settings/settings.ts'
import { act, actAt, allEntries, tamper, verifyAll } from '../../../support/audit.ts'
import { testDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'

const LONG_AGO = '2020-01-01T00:00:00.000000Z'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database[Symbol.asyncDispose]())

test('pruneAudit() removes nothing where the log is kept for ever', async () => {
  const { db } = database
  await actAt(db, LONG_AGO, 2)
  expect(await pruneAudit(db)).toBe(0)
  expect(await allEntries(db)).toHaveLength(2)
})

test('pruneAudit() removes what is too old, says so, and leaves a chain that holds from its anchor', async () => {
  const { db } = database
  await actAt(db, LONG_AGO, 3)
  const third = (await allEntries(db)).at(-1)
  await act(db, 'young')
  await updateSettings(db, { auditRetentionDays: 30 }, SERVER)
  const young = (await allEntries(db)).slice(3)
  expect(await pruneAudit(db)).toBe(3)
  const left = await allEntries(db)
  expect(left.slice(0, -1)).toEqual(young)
  expect(left.at(-1)).toMatchObject({ action: 'audit.prune', after: { removed: 3, seq: 3, hash: third?.hash } })
  const anchor = { seq: 3, hash: third?.hash ?? '' }
  expect(await verifyAll(db)).toMatchObject({ broken: null, anchor, checked: left.length })
  expect((await verifyAll(db, { checkpoint: anchor })).broken).toBeNull()
  expect(await pruneAudit(db)).toBe(0)
  expect(await allEntries(db)).toEqual(left)
})

test('an old entry behind a young one stays: what is removed has no gap', async () => {
  const { db } = database
  await actAt(db, LONG_AGO)
  await act(db)
  await actAt(db, LONG_AGO)
  await updateSettings(db, { auditRetentionDays: 30 }, SERVER)
  expect(await pruneAudit(db)).toBe(1)
  expect((await allEntries(db))[0]).toMatchObject({ seq: 2 })
  expect((await verifyAll(db)).broken).toBeNull()
})

test('what somebody removes behind the anchor is found', async () => {
  const { db } = database
  await actAt(db, LONG_AGO, 2)
  await act(db)
  await updateSettings(db, { auditRetentionDays: 30 }, SERVER)
  await pruneAudit(db)
  await tamper(db, 'delete from audit_entries where seq = 3')
  expect((await verifyAll(db)).broken).toEqual({ seq: 3, why: 'missing' })
})
