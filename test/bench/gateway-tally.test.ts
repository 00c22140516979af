import { describe, expect, it } from 'vitest'
import { LedgerTally } from '../../bench/gateway/ledger-tally.ts'
import { summarize } from '../../bench/gateway/result.ts'
import type { Figures } from '../../bench/gateway/rounds.ts'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'

const HOST = 'bench.example.com'
const RECORD: LedgerRecord = {
  ...{ seq: 1, at: '2026-01-01T00:00:00.000Z', sandbox: 's1', attempt: null, phase: 'agent', layer: 'http' },
  ...{ asked: HOST, host: HOST, port: 443, address: '198.51.100.77', method: 'GET', path: '/bench/small' },
  ...{
    verdict: 'allow',
    rule: 'allow[0]',
    reason: null,
    status: 200,
    bytesUp: 1,
    bytesDown: 1,
    ms: 1,
    policyVersion: 1,
  },
}

describe('LedgerTally', () => {
  it('counts each finished request once, whatever is brought twice', () => {
    const tally = new LedgerTally(HOST)
    for (const seq of [1, 2, 9000, 2]) {
      tally.add({ ...RECORD, seq, ms: null, status: null })
      tally.add({ ...RECORD, seq })
    }
    tally.add({ ...RECORD, sandbox: 's2' })
    expect(tally.finished).toBe(4)
  })

  it.each([
    ['refused', { verdict: 'deny', reason: 'host' }],
    ['of another host', { host: 'example.com' }],
    ['another status', { status: 502 }],
    ['cut', { reason: 'revoked' }],
    ['another layer', { layer: 'tls' }],
  ] as const)('does not count what was %s', (_, change) => {
    const tally = new LedgerTally(HOST)
    tally.add({ ...RECORD, ...change })
    expect(tally.finished).toBe(0)
    expect([...tally.others.values()]).toEqual([1])
  })

  it('does not count what is still open', () => {
    const tally = new LedgerTally(HOST)
    tally.add({ ...RECORD, ms: null })
    expect(tally.finished).toBe(0)
  })
})

describe('summarize()', () => {
  const of = (keepaliveRps: number, more: Partial<Figures> = {}): Figures[] => [
    {
      ...{ keepaliveRps, newConnRps: 100, bulkMBps: 100, p50Us: 500, p99Ms: 1 },
      ...{ keepaliveCpuUs: 50, newConnCpuUs: 500, bulkCpuMsPerMB: 1 },
      ...more,
    },
  ]
  const rivals = { nginx: of(1000), squid: of(100, { newConnRps: 50 }), mitmproxy: of(100), direct: of(9000) }

  it('names no bound when all are kept', () => {
    expect(summarize({ drydock: of(400), ...rivals }).missed).toEqual([])
  })

  it('names each bound that is missed', () => {
    const { missed, ratio } = summarize({ drydock: of(299, { p50Us: 2100 }), ...rivals })
    expect(ratio.nginx.keepaliveRps).toBe(0.3)
    expect(missed).toHaveLength(4)
    expect(missed.at(-1)).toBe('a request takes 1.6 ms longer, above 1.5 ms')
  })
})
