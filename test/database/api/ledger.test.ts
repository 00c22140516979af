import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LedgerJson } from '../../../api/schemas/ledger.ts'
import type { TaskJson } from '../../../api/schemas/task.ts'
import { newId } from '../../../domain/ids.ts'
import { buildOwner } from '../../../domain/ledger/owner.ts'
import type { LedgerRecord } from '../../../domain/ledger/record.ts'
import { storeLedger } from '../../../domain/ledger/store.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

const ODD = 'a\0\ud800"\n\u2028</script>'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

type Owned = Pick<LedgerRecord, 'sandbox' | 'attempt' | 'phase'>

/** The record of a number, counted from 0; the odd ones are refusals. */
const aRecord = (i: number, owned: Owned): LedgerRecord => ({
  ...{ seq: i + 1, at: new Date(1_700_000_000_000 + i).toISOString(), ...owned },
  ...{ layer: 'http', asked: ODD, host: 'a.test', port: 443, address: null, method: 'GET', path: `/${i}` },
  ...{ verdict: i % 2 ? 'deny' : 'allow', rule: null, reason: i % 2 ? 'host' : null, status: 200 },
  ...{ bytesUp: 1, bytesDown: 2, ms: 1, policyVersion: 1 },
})

/** A person with a task whose only attempt left a number of records. */
async function withLedger(count: number) {
  const { db } = api.database
  const person = await api.person('member')
  const { taskId, attemptIds } = await seedTask(db, { ...person, environmentId: await seedEnvironment(db) })
  const [attempt = ''] = attemptIds
  const sandbox = newId()
  const records = Array.from({ length: count }, (_, i) => aRecord(i, { sandbox, attempt, phase: 'agent' }))
  await storeLedger(db, records)
  return { ...person, taskId, attempt, path: `/attempts/${attempt}/ledger` }
}

test('GET /attempts/:id/ledger gives all records as valid JSON, whatever the sandbox sent', async () => {
  const { call, path } = await withLedger(3)
  const { status, json } = await call<LedgerJson>('GET', path)
  expect(status).toBe(200)
  expect(json.next).toBeNull()
  expect(json.data.map(({ seq, path: asked }) => [seq, asked])).toEqual([
    [1, '/0'],
    [2, '/1'],
    [3, '/2'],
  ])
  expect(json.data[0]?.asked).toBe('a\ufffd\ufffd"\n\u2028</script>')
})

test('GET /environments/:id/cache/ledger gives what builds in the background asked, in pages and as lines', async () => {
  const { db } = api.database
  const { call } = await api.person('member')
  const environmentId = await seedEnvironment(db)
  const records = Array.from({ length: 3 }, (_, i) =>
    aRecord(i, { sandbox: newId(), attempt: buildOwner({ environmentId, build: `b${i}` }), phase: 'setup' }),
  )
  await storeLedger(db, records)
  const path = `/environments/${environmentId}/cache/ledger`
  const first = await call<LedgerJson>('GET', `${path}?limit=2`)
  expect(first.json.data).toMatchObject([
    { attempt: null, build: 'b0', verdict: 'allow' },
    { attempt: null, build: 'b1', verdict: 'deny' },
  ])
  const rest = await call<LedgerJson>('GET', `${path}?after=${first.json.next}`)
  expect(rest.json).toMatchObject({ data: [{ build: 'b2' }], next: null })
  expect((await call('GET', `${path}?format=jsonl`)).text.trimEnd().split('\n')).toHaveLength(3)
  expect(await call('GET', '/environments/nosuch/cache/ledger')).toMatchObject({ status: 404 })
})

test('GET /attempts/:id/ledger pages with after and limit', async () => {
  const { call, path } = await withLedger(5)
  const seen: number[] = []
  for (let after: string | null = ''; after !== null;) {
    const query: string = after === '' ? 'limit=2' : `limit=2&after=${after}`
    const { json }: { json: LedgerJson } = await call<LedgerJson>('GET', `${path}?${query}`)
    expect(json.data.length).toBeLessThanOrEqual(2)
    seen.push(...json.data.map(({ seq }) => seq))
    after = json.next
  }
  expect(seen).toEqual([1, 2, 3, 4, 5])
})

test.each([
  ['by format', '?format=jsonl', {}],
  ['by accept', '', { accept: 'application/x-ndjson' }],
])('GET /attempts/:id/ledger exports JSON lines, %s, over several pages', async (_, query, headers) => {
  const { call, path } = await withLedger(1234)
  const { text, headers: answered } = await call('GET', `${path}${query}`, undefined, headers)
  expect(answered.get('content-type')).toBe('application/x-ndjson')
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line) => (JSON.parse(line) as LedgerRecord).seq)).toEqual(Array.from(lines, (_line, i) => i + 1))
  expect(lines).toHaveLength(1234)
})

test('an export without records is empty', async () => {
  const { call, path } = await withLedger(0)
  expect((await call('GET', `${path}?format=jsonl`)).text).toBe('')
})

test('an export reads no page ahead of a slow reader, and one that hangs up costs nothing more', async () => {
  const { token, path } = await withLedger(3000)
  let reads = 0
  const { client } = api.database
  const unsafe = client.unsafe.bind(client)
  client.unsafe = ((...args: Parameters<typeof unsafe>) => {
    if (args[0].includes('from "ledger"')) reads += 1
    return unsafe(...args)
  }) as typeof unsafe
  try {
    const response = await api.app.request(`/api/v1${path}?format=jsonl`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const reader = response.body?.getReader()
    expect((await reader?.read())?.value?.length).toBeGreaterThan(0)
    expect(reads).toBeLessThanOrEqual(2)
    await reader?.cancel()
    expect(reads).toBeLessThanOrEqual(2)
  } finally {
    client.unsafe = unsafe
  }
})

test('GET /attempts/:id/ledger shows no other member that there is one, in either form', async () => {
  const { path } = await withLedger(1)
  const other = await api.person('member')
  for (const query of ['', '?format=jsonl', '?limit=1']) {
    const { status, json } = await other.call('GET', `${path}${query}`)
    expect([status, json.code]).toEqual([404, 'attempt-not-found'])
  }
  expect((await (await api.person('admin')).call('GET', path)).status).toBe(200)
})

test("a cursor of another attempt's ledger gives only records of the attempt that is asked for", async () => {
  const [one, two] = [await withLedger(4), await withLedger(4)]
  const { next } = (await one.call<LedgerJson>('GET', `${one.path}?limit=1`)).json
  const { data } = (await two.call<LedgerJson>('GET', `${two.path}?after=${next ?? ''}`)).json
  expect(data.every(({ attempt }) => attempt === two.attempt)).toBe(true)
})

test.each(['?limit=0', '?limit=10001', '?limit=x', '?after=x', '?after=%00', '?format=csv', '?from=1'])(
  'GET /attempts/:id/ledger%s answers 422',
  async (query) => {
    const { call, path } = await withLedger(1)
    expect((await call('GET', `${path}${query}`)).status).toBe(422)
    expect(api.errors).toEqual([])
  },
)

test('GET /tasks/:id sums up what each attempt asked of the network', async () => {
  const { call, taskId } = await withLedger(5)
  const { json } = await call<TaskJson>('GET', `/tasks/${taskId}`)
  expect(json.turns[0]?.attempts[0]?.network).toMatchObject({
    ...{ requests: 5, denied: 2, bytesUp: 5, bytesDown: 10, others: null },
    hosts: [
      { host: 'a.test', verdict: 'allow', count: 3, reasons: {} },
      { host: 'a.test', verdict: 'deny', count: 2, reasons: { host: 2 } },
    ],
  })
})
