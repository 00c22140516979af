import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { buildOwner } from '../../../domain/ledger/owner.ts'
import { readLedger } from '../../../domain/ledger/read.ts'
import { highestSeq, storeLedger } from '../../../domain/ledger/store.ts'
import { ledgerSummary } from '../../../domain/ledger/summary.ts'
import { testDatabase } from '../../support/database.ts'
import { aLedgerRecord } from '../../support/ledger.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

test('storeLedger() keeps what a build in the background asked with its environment, in no sums', async () => {
  await using database = await testDatabase()
  const environmentId = await seedEnvironment(database.db)
  const { attemptIds } = await seedTask(database.db, { userId: await seedUser(database.db), environmentId })
  const attempt = attemptIds[0] ?? ''
  const build = newId()
  const sandbox = newId()
  const own = aLedgerRecord({ sandbox, attempt: buildOwner({ environmentId, build }), ms: null, bytesDown: 0 })
  const gone = aLedgerRecord({ sandbox: newId(), attempt: buildOwner({ environmentId: 'gone', build }) })
  expect(await storeLedger(database.db, [own, aLedgerRecord({ attempt }), gone])).toEqual({ stored: 2, dropped: 1 })
  // Completed in place, as another's records are.
  await storeLedger(database.db, [{ ...own, ms: 7, bytesDown: 3 }])
  await storeLedger(database.db, [{ ...own, attempt: buildOwner({ environmentId, build: 'another' }), ms: 8 }])
  const { data } = await readLedger(database.db, { environment: environmentId }, { limit: 10 })
  expect(data).toMatchObject([{ sandbox, attempt: null, build, ms: 7, bytesDown: 3 }])
  expect(await highestSeq(database.db, sandbox)).toBe(1)
  expect(await ledgerSummary(database.db, attempt)).toMatchObject({ requests: 1 })
  expect(await database.db.execute(sql`select 1 from ledger_totals where attempt_id is null`)).toEqual([])
})
