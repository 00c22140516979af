import { expect, test } from 'vitest'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'
import { controlClient } from '../../../runner/network/control-client.ts'
import { LedgerReader } from '../../../runner/network/ledger-reader.ts'
import { fakeControl, line, spooled } from './fake-control.ts'

const QUIET = { info: () => {}, warn: () => {}, error: () => {} }
const NEVER = new AbortController().signal

async function reading(store: (records: readonly LedgerRecord[]) => Promise<void>) {
  const control = await fakeControl()
  const client = controlClient(control.socket)
  const reader = new LedgerReader({ control: client, store, log: QUIET })
  const over = new AbortController()
  const opened = control.reader()
  const running = reader.run(over.signal).catch(() => undefined)
  await opened
  const [response] = control.readers
  if (response === undefined) throw new Error('nobody reads')
  return {
    control,
    reader,
    response,
    client,
    acknowledged: () => control.asked.filter(({ path }) => path === '/ledger/ack').map(({ body }) => body),
    async [Symbol.asyncDispose]() {
      over.abort()
      await running
      client.close()
      await control[Symbol.asyncDispose]()
    },
  }
}

test('LedgerReader acknowledges what is stored, and nothing before', async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  const stored: number[] = []
  await using it = await reading(async (records) => {
    await gate
    stored.push(...records.map(({ seq }) => seq))
  })
  it.response.write(line(spooled(1)) + line(spooled(2)))
  expect(await it.reader.stored(2, AbortSignal.timeout(100))).toBe(false)
  expect(it.acknowledged()).toEqual([])
  release()
  expect(await it.reader.stored(2, NEVER)).toBe(true)
  expect(stored).toEqual([1, 2])
  expect(it.acknowledged()).toEqual([{ position: 2 }])
  expect(it.reader.seqOf('s')).toBe(2)
})

test('LedgerReader tries again when storing fails, and loses nothing', async () => {
  let failures = 2
  const stored: number[] = []
  await using it = await reading(async (records) => {
    if (failures-- > 0) throw new Error('the database is away')
    stored.push(...records.map(({ seq }) => seq))
  })
  it.response.write(line(spooled(1)))
  expect(await it.reader.stored(1, NEVER)).toBe(true)
  expect(stored).toEqual([1])
})

test('LedgerReader puts lines together that come in pieces, also within a character', async () => {
  const paths: (string | null)[] = []
  await using it = await reading(async (records) => void paths.push(...records.map(({ path }) => path)))
  const bytes = Buffer.from(line(spooled(1, { path: '/ä\u2028"\\' })))
  for (const byte of bytes) it.response.write(Buffer.of(byte))
  expect(await it.reader.stored(1, NEVER)).toBe(true)
  expect(paths).toEqual(['/ä\u2028"\\'])
})

test('LedgerReader goes on after the position that it has, and takes a ledger that begins anew', async () => {
  await using it = await reading(async () => {})
  it.response.write(line(spooled(7)))
  await it.reader.stored(7, NEVER)
  const again = it.control.reader()
  it.response.end()
  const over = new AbortController()
  const second = it.reader.run(over.signal).catch(() => undefined)
  await again
  expect(it.control.asked.map(({ path }) => path)).toContain('/ledger?after=7')
  it.control.readers[1]?.write(line(spooled(1, { seq: 8 })))
  while (it.reader.seqOf('s') < 8) await it.control.told()
  over.abort()
  await second
})

test('controlClient() reaches a socket whose path is longer than the system allows', async () => {
  await using control = await fakeControl(
    () => ({ status: 200, body: { unknown: ['x'] } }),
    'd'.repeat(60) + '/' + 'e'.repeat(60),
  )
  const { socketPath } = await import('../../../runner/network/socket-path.ts')
  expect(control.socket.length).toBeGreaterThan(107)
  await using reached = await socketPath(control.socket)
  const client = controlClient(reached.path)
  expect(await client.renew({ ids: ['x'], leaseMs: 1 })).toEqual(['x'])
  client.close()
})

test('controlClient() tells a refusal from a fault', async () => {
  let status = 422
  await using control = await fakeControl(() => ({ status, body: { code: 'invalid', message: 'no such policy' } }))
  const client = controlClient(control.socket)
  await expect(client.deleteSandbox('a/b')).rejects.toMatchObject({ name: 'GatewayRefused' })
  expect(control.asked[0]?.path).toBe('/sandboxes/a%2Fb')
  status = 500
  await expect(client.deleteSandbox('a')).rejects.toMatchObject({ name: 'Error' })
  client.close()
})
