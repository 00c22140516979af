import { expect, test } from 'vitest'
import { ledger } from '../../cli/commands/ledger.ts'
import { status } from '../../cli/commands/status.ts'
import { bytesText, networkText } from '../../cli/render-task.ts'
import { attempt, fakeWorld, json, task } from './fakes.ts'

const EVIL = '\u001b]52;c;aGk=\u0007\u202e'
const record = (seq: number, over: Record<string, unknown> = {}) => ({
  ...{ seq, at: '2026-01-01T00:00:00.000Z', sandbox: 's', attempt: 'a1', phase: 'agent', layer: 'http' },
  ...{ asked: 'a.test', host: 'a.test', port: 443, address: null, method: 'GET', path: `/${EVIL}`, verdict: 'allow' },
  ...{ rule: null, reason: null, status: 200, bytesUp: 1, bytesDown: 2, ms: 1, policyVersion: 1 },
  ...over,
})
const world = () =>
  fakeWorld({
    'GET /tasks/t1': json(task()),
    'GET /attempts/a1/ledger': json({ data: [record(1), record(2)], next: 'c1' }),
    'GET /attempts/a1/ledger?after=c1': json({ data: [record(3, { host: null, asked: EVIL, port: 25 })], next: null }),
  })

test('ledger shows all pages under one heading, neutralised', async () => {
  const { context, out } = world()
  expect(await ledger.run(['t1'], context)).toBe(0)
  const lines = out().trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ +/)[0])).toEqual(['SEQ', '1', '2', '3'])
  expect(out()).not.toMatch(/[\u001b\u0007\u202e]/)
  expect(lines[3]).toContain('\\x1b]52;c;aGk=\\x07\\u202e:25')
})

test('ledger --json prints one document with all records, ledger --jsonl one record a line', async () => {
  const [document, lines] = [world(), world()]
  await ledger.run(['t1', '--json'], document.context)
  const parsed = JSON.parse(document.out()) as { data: { seq: number; path: string }[]; next: null }
  expect(parsed.data.map(({ seq }) => seq)).toEqual([1, 2, 3])
  expect(parsed.data[0]?.path).toBe(`/${EVIL}`)
  await ledger.run(['t1', '--jsonl'], lines.context)
  expect(
    lines
      .out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(parsed.data)
  expect(document.out() + lines.out()).not.toMatch(/[\u001b\u0007\u202e]/)
})

test('ledger --json together with --jsonl is wrong use', async () => {
  await expect(ledger.run(['t1', '--json', '--jsonl'], world().context)).rejects.toMatchObject({ exitCode: 2 })
})

test('ledger says when there is nothing', async () => {
  const empty = fakeWorld({ 'GET /tasks/t1': json(task()), 'GET /attempts/a1/ledger': json({ data: [], next: null }) })
  await ledger.run(['t1'], empty.context)
  expect([empty.out(), empty.err()]).toEqual(['', expect.stringContaining('Nothing')])
})

const host = (name: string | null, verdict: 'allow' | 'deny', count: number) => ({
  ...{ host: name, verdict, count, bytesUp: 0, bytesDown: 0, reasons: {}, rules: {}, first: '', last: '' },
})
const network = {
  ...{ requests: 12, denied: 3, bytesUp: 512, bytesDown: 2_621_440 },
  hosts: [
    host(`a${EVIL}.test`, 'allow', 9),
    host(null, 'deny', 2),
    host('c.test', 'deny', 1),
    host('d.test', 'deny', 1),
  ],
  others: { hosts: 4, requests: 4, denied: 4, bytesUp: 0, bytesDown: 0 },
}

test('status has one line about the network, and none without one', async () => {
  const quiet = fakeWorld({ 'GET /tasks/t1': json(task()) })
  await status.run(['t1'], quiet.context)
  expect(quiet.out()).not.toContain('network')
  const busy = fakeWorld({ 'GET /tasks/t1': json(task({}, [attempt({ network })])) })
  await status.run(['t1'], busy.context)
  expect(busy.out()).toMatch(
    /network +12 requests, 3 denied, 512 B up, 2\.5 MiB down \(a\\x1b.* 9, \(no name\) 2 denied/,
  )
  expect(busy.out()).not.toMatch(/[\u0007\u202e]/)
  expect(networkText(network)).toContain('and 5 more')
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1024 ** 3, '1.0 GiB'],
  [1024 ** 6, '1048576.0 TiB'],
])('bytesText() says %i as %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})

test('ledger --env shows that of the builds in the background, and goes with no task', async () => {
  const path = 'GET /environments/app/cache/ledger'
  const { context, out } = fakeWorld({
    [path]: json({ data: [record(1, { attempt: null, build: 'b1' })], next: null }),
  })
  expect(await ledger.run(['--env', 'app'], context)).toBe(0)
  expect(out()).toMatch(/^SEQ .*\n1 +allow/)
  for (const wrong of [['t1', '--env', 'app'], ['--env', 'app', '--attempt', '1'], []]) {
    await expect(ledger.run(wrong, world().context)).rejects.toMatchObject({ exitCode: 2 })
  }
})
