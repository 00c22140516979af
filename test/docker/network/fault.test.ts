import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { backAfter } from '../../../bench/fault-gateway/sandboxes.ts'
import { judgeLedger } from '../../../bench/fault-gateway/verdict.ts'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'

type Spread = { count: number; p50: number; max: number }
type Outcome = {
  backMs: Record<string, Spread>
  afterRunnerMs: { lastRequest: Spread; newRunnerServes: Spread }
  arrivals: number
  waysTried: number
  ledger: { records: number; denied: number; torn: number }
  findings?: string[]
}

test(
  'gateway, ground and runner are killed under load: the ledger has all that arrived, and nothing got out',
  { timeout: 240_000 },
  async () => {
    const run = promisify(execFile)
    // The built program, as `npm run fault -- gateway` runs it.
    await run(process.execPath, ['scripts/build.mjs'])
    const options = ['--kills', '2', '--runner-kills', '1', '--sandboxes', '5', '--json']
    const { stdout } = await run(process.execPath, ['dist/bench/fault-gateway.js', ...options]).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout || error.stderr }),
    )
    const outcome = JSON.parse(stdout) as Outcome
    // Other tests have this machine's processors, too: the bound of 2 s is the program's, on a machine of its own.
    expect(outcome.findings?.filter((finding) => !/had no service for \d{4} ms$/.test(finding)) ?? []).toEqual([])
    expect(Object.values(outcome.backMs).map(({ count }) => count)).toEqual([2, 2, 2])
    expect(outcome.afterRunnerMs.lastRequest.max).toBeLessThan(13_500)
    expect(outcome.afterRunnerMs.newRunnerServes.count).toBe(1)
    expect(outcome.arrivals).toBeGreaterThan(100)
    expect(outcome.ledger.denied).toBeGreaterThan(0)
    expect(outcome.waysTried).toBeGreaterThan(0)
  },
)

const record = (seq: number, path: string, at: number): LedgerRecord =>
  ({ sandbox: 's', seq, path, verdict: 'allow', at: new Date(at).toISOString(), ms: 1 }) as LedgerRecord

test('judgeLedger() sees an arrival without a record, one before its record, and a gap', () => {
  const ledger = { torn: 0, records: [record(1, '/a', 1000), record(2, '/b', 3000), record(4, '/d', 4000)] }
  const arrivals = [
    { path: '/a', at: 1000 },
    { path: '/b', at: 2000 },
    { path: '/c', at: 3000 },
  ]
  expect(judgeLedger(arrivals, ledger)).toEqual([
    '1 requests arrived that the ledger does not have: /c',
    '1 requests arrived before their record was opened: /b',
    '1 records are missing between others: s 3',
  ])
  expect(judgeLedger(arrivals.slice(0, 1), { torn: 0, records: ledger.records.slice(0, 2) })).toEqual([])
})

test('backAfter() is the end of the longest pause after a moment', () => {
  const at = (...ends: number[]) => ends.map((to) => ({ from: to - 5, to }))
  expect(backAfter(at(80, 110, 130, 900, 930), 100)).toBe(800)
  expect(backAfter(at(80, 90), 100)).toBeUndefined()
})
