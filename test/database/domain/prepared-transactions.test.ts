import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase({ max: 1 })
})
afterAll(() => database[Symbol.asyncDispose]())

const preparedWith = async (word: string) => {
  const rows = await database.db.execute<{ statement: string }>(sql`select statement from pg_prepared_statements`)
  return rows.filter(({ statement }) => statement.includes(`'${word}'`)).length
}

test('openDatabase() keeps statements prepared, those of transactions too', async () => {
  const ask = (n: number) => sql`select 'outside', ${n}::int`
  await database.db.execute(ask(1))
  await database.db.execute(ask(2))
  expect(await preparedWith('outside')).toBe(1)
  for (const n of [1, 2]) await database.db.transaction((tx) => tx.execute(sql`select 'inside', ${n}::int`))
  expect(await preparedWith('inside')).toBe(1)
})

test('openDatabase() keeps the level and the end of a transaction', async () => {
  const { db, client } = database
  const level = await db.transaction((tx) => tx.execute(sql`show transaction isolation level`), {
    isolationLevel: 'serializable',
  })
  expect(level[0]).toEqual({ transaction_isolation: 'serializable' })
  const raw = await client.begin('isolation level repeatable read read only', (tx) =>
    tx.unsafe('show transaction isolation level'),
  )
  expect(raw[0]).toEqual({ transaction_isolation: 'repeatable read' })
  const lost = db.transaction(async (tx) => {
    await tx.execute(sql`create table lost (n int)`)
    throw new Error('no')
  })
  await expect(lost).rejects.toThrow('no')
  expect((await db.execute(sql`select to_regclass('lost') as found`))[0]).toEqual({ found: null })
})
