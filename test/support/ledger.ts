import type { LedgerRecord } from '../../domain/ledger/record.ts'

/** A request that was let through and is over, with what a test changes. */
export const aLedgerRecord = (over: Partial<LedgerRecord>): LedgerRecord => ({
  seq: 1,
  at: '2026-01-02T03:04:05.678Z',
  sandbox: 's',
  attempt: null,
  phase: 'agent',
  layer: 'http',
  asked: 'Allowed.test',
  host: 'allowed.test',
  port: 443,
  address: '192.0.2.1',
  method: 'GET',
  path: '/a?b',
  verdict: 'allow',
  rule: 'allow[0]',
  reason: null,
  status: 200,
  bytesUp: 10,
  bytesDown: 20,
  ms: 3.5,
  policyVersion: 1,
  ...over,
})
