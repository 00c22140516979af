import { eq, sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLedger } from '../../../domain/ledger/read.ts'
import type { LedgerRecord } from '../../../domain/ledger/record.ts'
import { highestSeq, storeLedger } from '../../../domain/ledger/store.ts'
import { ledgerSummary } from '../../../domain/ledger/summary.ts'
import { attempts, tasks } from '../../../domain/schema.ts'
import { newId } from '../../../domain/ids.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { aLedgerRecord as record } from '../../support/ledger.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

let database: TestDatabase
let userId: string
let environmentId: string
beforeAll(async () => {
  database = await testDatabase()
  userId = await seedUser(database.db)
  environmentId = await seedEnvironment(database.db)
})
afterAll(() => database[Symbol.asyncDispose]())

const attempt = async () => {
  const { attemptIds, taskId } = await seedTask(database.db, { userId, environmentId })
  return { attempt: attemptIds[0] ?? '', taskId, sandbox: newId() }
}

const open = { status: null, bytesUp: 0, bytesDown: 0, ms: null }

test('storeLedger() and readLedger() give back a record as it was written', async () => {
  const of = await attempt()
  const { attempt: id, sandbox } = of
  const written = record({ attempt: id, sandbox })
  expect(await storeLedger(database.db, [written])).toEqual({ stored: 1, dropped: 0 })
  const { data, next } = await readLedger(database.db, { attempt: of.attempt }, { limit: 10 })
  expect({ data, next }).toEqual({ data: [{ ...written, build: null }], next: null })
})

test.each([
  ['in one batch', false],
  ['in batches of their own', true],
])('storeLedger() keeps the completed record, whichever comes first, %s', async (_, apart) => {
  for (const order of [0, 1]) {
    const of = await attempt()
    const both = [record({ ...of, ...open }), record(of)]
    if (order === 1) both.reverse()
    if (apart) for (const one of both) await storeLedger(database.db, [one])
    else await storeLedger(database.db, both)
    const { data } = await readLedger(database.db, { attempt: of.attempt }, { limit: 10 })
    expect(data).toHaveLength(1)
    expect(data[0]).toMatchObject({ status: 200, bytesUp: 10, bytesDown: 20, ms: 3.5 })
  }
})

test('storeLedger() changes no completed record, not for another attempt either', async () => {
  const [one, two] = [await attempt(), await attempt()]
  await storeLedger(database.db, [record(one)])
  await storeLedger(database.db, [record({ ...one, verdict: 'deny', bytesUp: 0 })])
  await storeLedger(database.db, [record({ ...two, sandbox: one.sandbox, ms: 1 })])
  expect((await readLedger(database.db, { attempt: one.attempt }, { limit: 10 })).data).toMatchObject([
    { verdict: 'allow', bytesUp: 10 },
  ])
  expect((await readLedger(database.db, { attempt: two.attempt }, { limit: 10 })).data).toEqual([])
})

test('storeLedger() drops with a count what belongs to no attempt, and keeps the rest of the batch', async () => {
  const of = await attempt()
  const gone = await attempt()
  await database.db.delete(tasks).where(eq(tasks.id, gone.taskId))
  const batch = [record({ ...gone, seq: 1 }), record({ ...of, seq: 1 }), record({ sandbox: 'x' })]
  expect(await storeLedger(database.db, batch)).toEqual({ stored: 1, dropped: 2 })
  expect((await readLedger(database.db, { attempt: of.attempt }, { limit: 10 })).data).toHaveLength(1)
})

test('storeLedger() stores whatever is in a record, so that a spool never stops at one', async () => {
  const of = await attempt()
  const odd = 'a\0b\ud800\u202e"\\u0000'
  const batch: LedgerRecord[] = [
    record({ ...of, asked: odd, path: odd, host: odd, method: odd, rule: odd, address: odd }),
    record({ ...of, seq: 2, path: 'x'.repeat(1_000_000) }),
    record({ ...of, seq: 3, at: 'yesterday', port: 99_999, status: 2 ** 40, bytesUp: 1e300, bytesDown: -1, ms: -5 }),
    record({ ...of, seq: 4, at: '+275760-09-13T00:00:00.000Z', ms: Infinity, policyVersion: 0.5 }),
    record({ ...of, seq: Number.MAX_SAFE_INTEGER }),
    record({ ...of, seq: 0 }),
    record({ ...of, seq: 1.5 }),
    record({ ...of, sandbox: 's'.repeat(1000) }),
    record({ ...of, attempt: "a\0'; drop table ledger" }),
  ]
  expect(await storeLedger(database.db, batch)).toEqual({ stored: 5, dropped: 4 })
  const { data } = await readLedger(database.db, { attempt: of.attempt }, { limit: 10 })
  expect(data.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, Number.MAX_SAFE_INTEGER])
  const first = data.find(({ seq }) => seq === 1)
  expect(first?.asked).toBe('a\ufffdb\ufffd\u202e"\\u0000')
  expect(data.find(({ seq }) => seq === 2)?.path).toHaveLength(4096)
  expect(data.find(({ seq }) => seq === 3)).toMatchObject({ port: null, status: null, bytesUp: 0, bytesDown: 0, ms: 0 })
})

test('storeLedger() lets two writers of the same records finish', async () => {
  const of = await attempt()
  const batch = Array.from({ length: 500 }, (_, i) => record({ ...of, seq: i + 1, ...(i % 2 ? open : {}) }))
  const writers = [batch, batch.toReversed(), batch, batch.toReversed()]
  await Promise.all(writers.map((records) => storeLedger(database.db, records)))
  expect((await readLedger(database.db, { attempt: of.attempt }, { limit: 1000 })).data).toHaveLength(500)
  expect(await highestSeq(database.db, of.sandbox)).toBe(500)
})

test('highestSeq() is 0 for a sandbox without records', async () => {
  expect(await highestSeq(database.db, 'nobody')).toBe(0)
})

test('readLedger() pages meet every record once, in order, over several sandboxes and equal times', async () => {
  const of = await attempt()
  const batch = ['s b', 'a.1', 'ü'].flatMap((name) =>
    Array.from({ length: 7 }, (_, i) =>
      record({ ...of, sandbox: `${of.sandbox}${name}`, seq: i + 1, at: `2026-01-01T00:00:00.00${i >> 1}Z` }),
    ),
  )
  await storeLedger(database.db, batch)
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await readLedger(database.db, { attempt: of.attempt }, { limit: 4, after })
    seen.push(...page.data.map(({ at, sandbox, seq }) => `${at} ${sandbox} ${seq}`))
    after = page.next ?? undefined
  } while (after !== undefined)
  const all = await readLedger(database.db, { attempt: of.attempt }, { limit: 100 })
  expect(seen).toEqual(all.data.map(({ at, sandbox, seq }) => `${at} ${sandbox} ${seq}`))
  expect(new Set(seen).size).toBe(21)
})

test.each(['', 'x', Buffer.from('1.2').toString('base64url'), Buffer.from('1.1.\0').toString('base64url')])(
  'readLedger() refuses the cursor %j',
  async (after) => {
    await expect(readLedger(database.db, { attempt: 'a' }, { limit: 1, after })).rejects.toMatchObject({
      code: 'invalid-request',
    })
  },
)

test('ledgerSummary() counts by host and verdict, with reasons and rules', async () => {
  const of = await attempt()
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`
  const denied = { ...of, verdict: 'deny' as const, rule: null, status: 403, bytesUp: 1, bytesDown: 2 }
  await storeLedger(database.db, [
    record({ ...of, seq: 1, at: at(1) }),
    record({ ...of, seq: 2, at: at(3), rule: 'allow[1]' }),
    record({ ...of, seq: 3, at: at(2), reason: 'upstream-tls' }),
    record({ ...denied, seq: 4, host: 'bad.test', reason: 'host' }),
    record({ ...denied, seq: 5, host: 'bad.test', reason: 'method', rule: 'deny[0]' }),
    record({ ...denied, seq: 6, host: null, reason: 'malformed' }),
  ])
  const summary = await ledgerSummary(database.db, of.attempt)
  expect(summary).toEqual({
    requests: 6,
    denied: 3,
    bytesUp: 33,
    bytesDown: 66,
    hosts: [
      {
        host: 'allowed.test',
        verdict: 'allow',
        count: 3,
        bytesUp: 30,
        bytesDown: 60,
        reasons: { 'upstream-tls': 1 },
        rules: { 'allow[0]': 2, 'allow[1]': 1 },
        first: at(1),
        last: at(3),
      },
      expect.objectContaining({ host: 'bad.test', verdict: 'deny', count: 2, reasons: { host: 1, method: 1 } }),
      expect.objectContaining({ host: null, verdict: 'deny', count: 1, reasons: { malformed: 1 }, rules: {} }),
    ],
    others: null,
  })
})

test('ledgerSummary() names a bounded number of hosts, and no flood of denied names hides an allowed one', async () => {
  const of = await attempt()
  const flood = Array.from({ length: 2000 }, (_, i) =>
    record({ ...of, seq: i + 2, host: `n${i % 1000}.test`, verdict: 'deny', reason: 'host', rule: `r${i}` }),
  )
  await storeLedger(database.db, [record({ ...of, seq: 1 }), ...flood])
  const summary = await ledgerSummary(database.db, of.attempt)
  expect(summary?.hosts).toHaveLength(26)
  expect(summary?.hosts[0]).toMatchObject({ host: 'allowed.test', verdict: 'allow' })
  expect(summary?.others).toEqual({ hosts: 975, requests: 1950, denied: 1950, bytesUp: 19_500, bytesDown: 39_000 })
})

test('ledgerSummary() is what counting all records gives, in whatever order and however often they come', async () => {
  const written = fc.record({
    seq: fc.integer({ min: 1, max: 8 }),
    isOpen: fc.boolean(),
    reason: fc.constantFrom(null, 'rate', 'upstream-tls'),
    bytes: fc.integer({ min: 0, max: 1000 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(written, { maxLength: 6 }), { maxLength: 6 }), async (batches) => {
      const of = await attempt()
      for (const batch of batches) {
        const records = batch.map(({ seq, isOpen, reason, bytes }) =>
          record({
            ...{ attempt: of.attempt, sandbox: of.sandbox, seq, host: `h${seq % 2}.test`, rule: `r${seq % 3}` },
            ...{ verdict: seq % 4 ? 'allow' : 'deny', reason, bytesUp: bytes, bytesDown: 2 * bytes },
            ...(isOpen ? { ms: null, status: null } : {}),
          }),
        )
        await storeLedger(database.db, records)
      }
      const { data } = await readLedger(database.db, { attempt: of.attempt }, { limit: 100 })
      const sum = (pick: (one: LedgerRecord) => number) => data.reduce((total, one) => total + pick(one), 0)
      const summary = await ledgerSummary(database.db, of.attempt)
      const counted = {
        requests: data.length,
        denied: data.filter(({ verdict }) => verdict === 'deny').length,
        bytesUp: sum(({ bytesUp }) => bytesUp),
        bytesDown: sum(({ bytesDown }) => bytesDown),
      }
      expect(summary).toEqual(data.length === 0 ? undefined : { ...counted, hosts: expect.anything(), others: null })
      for (const { host, verdict, count, bytesUp, reasons, rules } of summary?.hosts ?? []) {
        const own = data.filter((one) => one.host === host && one.verdict === verdict)
        expect([count, bytesUp]).toEqual([own.length, own.reduce((total, one) => total + one.bytesUp, 0)])
        expect(reasons).toEqual(tally(own.map(({ reason }) => reason)))
        expect(rules).toEqual(tally(own.map(({ rule }) => rule)))
      }
    }),
    { numRuns: 60 },
  )
})

function tally(words: (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) if (word !== null) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

test('a flood of names leaves bounded sums, exact totals, and room for what is allowed after it', async () => {
  const of = await attempt()
  for (let batch = 0; batch < 8; batch++) {
    const names = Array.from({ length: 1000 }, (_, i) => batch * 1000 + i + 1)
    const denied = { ...of, verdict: 'deny' as const, reason: 'host', bytesUp: 1, bytesDown: 0 }
    await storeLedger(
      database.db,
      names.map((seq) => record({ ...denied, seq, host: `${'é'.repeat(300)}${seq}.test`, asked: `${seq}` })),
    )
    const short = names.map((seq) => record({ ...denied, seq: seq + 100_000, host: `n${seq}.evil.test` }))
    await storeLedger(database.db, short)
  }
  await storeLedger(database.db, [record({ ...of, seq: 999_999, bytesUp: 7 })])
  const summary = await ledgerSummary(database.db, of.attempt)
  expect(summary).toMatchObject({ requests: 16_001, denied: 16_000, bytesUp: 16_007 })
  expect(summary?.hosts[0]).toMatchObject({ host: 'allowed.test', verdict: 'allow', bytesUp: 7 })
  const [row] = await database.db.execute<{ n: number }>(
    sql`select count(*)::int as n from ledger_hosts where attempt_id = ${of.attempt}`,
  )
  expect(row?.n).toBeLessThanOrEqual(3001)
})

test('ledgerSummary() is nothing for an attempt that asked nothing', async () => {
  const [one, none] = [await attempt(), await attempt()]
  await storeLedger(database.db, [record(one)])
  expect(await ledgerSummary(database.db, one.attempt)).toMatchObject({ requests: 1 })
  expect(await ledgerSummary(database.db, none.attempt)).toBeUndefined()
})

test('a task takes its ledger along when it is deleted', async () => {
  const of = await attempt()
  await storeLedger(database.db, [record(of)])
  await database.db.delete(attempts).where(eq(attempts.id, of.attempt))
  expect(await highestSeq(database.db, of.sandbox)).toBe(0)
})
