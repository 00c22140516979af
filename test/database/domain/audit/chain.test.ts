import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'drizzle-orm'
import { updateSettings } from '../../../../domain/settings/settings.ts'
import type { Db } from '../../../../domain/db.ts'
import { SERVER } from '../../../../domain/audit/actions.ts'
import { GENESIS } from '../../../../domain/audit/chain.ts'
import { recordAudit } from '../../../../domain/audit/record.ts'
import { act, allEntries, rehash, tamper, verifyAll } from '../../../support/audit.ts'
import { testDatabase } from '../../../support/database.ts'
import type { TestDatabase } from '../../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

/** On an empty log, in a transaction that is undone. */
async function undone(work: (db: Db) => Promise<void>): Promise<void> {
  const done = new Error('done')
  const running = database.db.transaction(async (tx) => {
    await tamper(tx, 'delete from audit_entries')
    await tamper(tx, `update audit_head set seq = 0, hash = decode('${GENESIS}', 'hex')`)
    await work(tx)
    throw done
  })
  await expect(running).rejects.toBe(done)
}

test('writers at the same time make one chain without gap or fork', async () => {
  const { db } = database
  await Promise.all(Array.from({ length: 60 }, (_, i) => act(db, `g${i}`, { after: { n: i } })))
  const entries = await allEntries(db)
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(entries.map(({ previousHash }) => previousHash)).toEqual([
    GENESIS,
    ...entries.slice(0, -1).map(({ hash }) => hash),
  ])
  expect(new Set(entries.map(({ targetName }) => targetName)).size).toBe(60)
  const { hash } = entries.at(-1) ?? { hash: '' }
  expect(await verifyAll(db)).toMatchObject({ broken: null, checked: 60, last: { seq: 60, hash }, done: true })
})

test('what is rolled back leaves no entry and no gap', async () => {
  const { db } = database
  await act(db)
  const failing = db.transaction(async (tx) => {
    await recordAudit(tx, { by: SERVER, action: 'group.delete', target: { kind: 'group', id: 'x', name: 'x' } })
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  await act(db)
  expect((await allEntries(db)).slice(-2).map(({ seq, action }) => [seq, action])).toEqual([
    [61, 'group.create'],
    [62, 'group.create'],
  ])
  expect((await verifyAll(db)).broken).toBeNull()
})

test('odd values are kept in a form that verifies', () =>
  undone(async (db) => {
    const odd = {
      ' é\u{1F600}"\\\u2028': ['\u0000', '\uD800'],
      z: 0.1,
      a: 1e21,
      b: -0,
      c: 1e-9,
      d: null,
      n: 2 ** 53,
      '': {},
    }
    await act(db, 'o\0dd', { before: odd, after: { b: 1, a: { y: 1.5, x: [true] } } })
    expect((await verifyAll(db)).broken).toBeNull()
  }))

const CHANGES: Record<string, string> = {
  at: `at = at + interval '1 microsecond'`,
  actor_id: `actor_id = 'somebody'`,
  actor_name: `actor_name = 'somebody'`,
  via: `via = 'token'`,
  credential_id: `credential_id = ''`,
  address: `address = ''`,
  action: `action = 'group.delete'`,
  target_kind: `target_kind = 'role'`,
  target_id: `target_id = 'h'`,
  target_name: `target_name = 'h'`,
  before: `before = '{}'`,
  after: `after = '{"n": 4}'`,
  previous_hash: `previous_hash = sha256('x')`,
  hash: `hash = sha256('x')`,
}

test.each(Object.entries(CHANGES))('a change of %s is found', (_, change) =>
  undone(async (db) => {
    for (const n of [1, 2, 3]) await act(db, 'g', { after: { n } })
    await tamper(db, `update audit_entries set ${change} where seq = 2`)
    expect(await verifyAll(db)).toMatchObject({ broken: { seq: 2, why: 'changed' }, last: { seq: 1 } })
  }),
)

test('the changes above are of every column', async () => {
  const columns = await database.db.execute<{ name: string }>(
    sql`select column_name as name from information_schema.columns where table_name = 'audit_entries'`,
  )
  expect(columns.map(({ name }) => name).toSorted()).toEqual(['seq', ...Object.keys(CHANGES)].toSorted())
})

const seq2 = 'where seq = 2'
test.each([
  ['a number with more digits', `update audit_entries set after = '{"n": 1.0}' ${seq2}`, 2, 'changed'],
  [
    'a number that is read as the same',
    `update audit_entries set after = '{"n": 1.0000000000000000001}' ${seq2}`,
    2,
    'changed',
  ],
  ['a JSON null in place of none', `update audit_entries set before = 'null' ${seq2}`, 2, 'changed'],
  ['another number', `update audit_entries set seq = 9 ${seq2}`, 2, 'missing'],
  ['a deletion in the middle', `delete from audit_entries ${seq2}`, 2, 'missing'],
  ['a deletion at the beginning', 'delete from audit_entries where seq = 1', 1, 'missing'],
  ['a deletion at the end', 'delete from audit_entries where seq = 4', 4, 'truncated'],
  ['a deletion of all', 'delete from audit_entries', 1, 'truncated'],
  [
    'two that are swapped',
    'update audit_entries set seq = -seq where seq in (2, 3); update audit_entries set seq = 5 + seq where seq < 0',
    2,
    'changed',
  ],
  [
    'one that is put in',
    `update audit_entries set seq = -seq where seq > 2; update audit_entries set seq = 1 - seq where seq < 0;
     insert into audit_entries select 3, at, actor_id, actor_name, via, credential_id, address, action, target_kind,
       target_id, target_name, before, after, hash, sha256('x') from audit_entries where seq = 2`,
    3,
    'changed',
  ],
  [
    'one that is put at the end',
    `insert into audit_entries select 5, at, actor_id, actor_name, via, credential_id, address, action, target_kind,
       target_id, target_name, before, after, hash, sha256('x') from audit_entries where seq = 4`,
    5,
    'changed',
  ],
  [
    'an anchor that hides the beginning',
    `update audit_head set anchor_seq = 1, anchor_hash = (select hash from audit_entries where seq = 1);
     delete from audit_entries where seq = 1`,
    2,
    'anchor',
  ],
])('%s is found', (_, statement, seq, why) =>
  undone(async (db) => {
    for (let i = 0; i < 4; i++) await act(db, 'g', { after: { n: 1 } })
    for (const each of statement.split(';')) await tamper(db, each)
    expect((await verifyAll(db)).broken).toEqual({ seq, why })
  }),
)

test('an entry that is rewritten with its hash breaks the link of the next', () =>
  undone(async (db) => {
    for (let i = 0; i < 3; i++) await act(db)
    const second = (await allEntries(db))[1]
    if (second === undefined) throw new Error('there is no second entry')
    const hash = rehash(second, { targetName: 'h' })
    await tamper(db, `update audit_entries set target_name = 'h', hash = decode('${hash}', 'hex') where seq = 2`)
    expect((await verifyAll(db)).broken).toEqual({ seq: 3, why: 'broken-link' })
  }))

test('a chain that is rewritten as a whole holds, but for a checkpoint', () =>
  undone(async (db) => {
    await act(db)
    await act(db)
    const last = (await allEntries(db)).at(-1)
    if (last === undefined) throw new Error('there is no entry')
    const checkpoint = { seq: last.seq, hash: last.hash }
    await act(db)
    expect((await verifyAll(db, { checkpoint })).broken).toBeNull()
    await tamper(db, 'delete from audit_entries where seq > 1')
    await tamper(db, 'update audit_head set seq = 1, hash = (select hash from audit_entries where seq = 1)')
    await act(db, 'forged')
    await act(db)
    expect((await verifyAll(db)).broken).toBeNull()
    expect((await verifyAll(db, { checkpoint })).broken).toEqual({ seq: 2, why: 'checkpoint' })
    expect((await verifyAll(db, { checkpoint: { seq: 9, hash: last.hash } })).broken).toEqual({
      seq: 9,
      why: 'checkpoint',
    })
  }))

describe('the database refuses, also the owner of the tables,', () => {
  test.each([
    'update audit_entries set actor_name = actor_name',
    'delete from audit_entries',
    'truncate audit_entries',
    'update audit_head set seq = 1',
    'update audit_head set seq = seq + 1',
    'update audit_head set anchor_seq = 1, anchor_hash = (select hash from audit_entries where seq = 1)',
    'delete from audit_head',
    'truncate audit_head',
    'insert into audit_head select 2, seq, hash, anchor_seq, anchor_hash from audit_head',
    `insert into audit_entries select seq + 2, at, actor_id, actor_name, via, credential_id, address, action, target_kind,
       target_id, target_name, before, after, hash, hash from audit_entries where seq = 2`,
    `insert into audit_entries select seq + 1, at, actor_id, actor_name, via, credential_id, address, action, target_kind,
       target_id, target_name, before, after, previous_hash, hash from audit_entries where seq = 2`,
  ])('%s', async (statement) => {
    const { db } = database
    await act(db)
    await act(db)
    // A retention that keeps what is young.
    await updateSettings(db, { auditRetentionDays: 30 }, SERVER)
    const before = await allEntries(db)
    const refused: unknown = await db
      .transaction((tx) => tx.execute(sql.raw(statement)))
      .catch((error: unknown) => error)
    expect(String((refused as Error).cause)).toMatch(/audit log|audit_head_one/)
    expect(await allEntries(db)).toEqual(before)
    expect((await verifyAll(db)).broken).toBeNull()
  })
})
