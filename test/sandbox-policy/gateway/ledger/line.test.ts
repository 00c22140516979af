import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  headJson,
  lineOf,
  redactQuery,
  tailJson,
  type RecordHead,
} from '../../../../sandbox-policy/gateway/ledger/line.ts'
import { LEDGER_CAPS, type LedgerRecord } from '../../../../sandbox-policy/ledger.ts'

const HEAD: RecordHead = {
  at: '2026-11-23T02:00:00.000Z',
  sandbox: 's1',
  attempt: null,
  phase: 'agent',
  layer: 'http',
  asked: 'Allowed.TEST.',
  host: 'allowed.test',
  port: 443,
  address: '192.0.2.1',
  method: 'GET',
  path: '/a?b=c',
  verdict: 'allow',
  rule: 'allow[0]',
}
const TAIL = { reason: null, status: 200, bytesUp: 1, bytesDown: 2, ms: 3, policyVersion: 4 }

const line = (head: RecordHead, tail: typeof TAIL = TAIL) => lineOf(7, 9, `${headJson(head)},${tailJson(tail)}`)
const recordOf = (text: string) => (JSON.parse(text) as { position: number; record: LedgerRecord }).record

test('lineOf() is the record of the interface, key by key', () => {
  expect(JSON.parse(line(HEAD))).toEqual({ position: 7, record: { seq: 9, ...HEAD, ...TAIL } })
  expect(Object.keys(recordOf(line(HEAD))).join()).toBe(
    'seq,at,sandbox,attempt,phase,layer,asked,host,port,address,method,path,verdict,rule,reason,status,bytesUp,bytesDown,ms,policyVersion',
  )
})

/** Any UTF-16 code units: halves of surrogate pairs and NUL among them. */
const hostile = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0xd800, max: 0xdfff }),
      fc.constantFrom(0, 0x0a, 0x0d, 0x1b, 0x22, 0x5c, 0x7f, 0x2028),
    ),
    { maxLength: 3000 },
  )
  .map((units) => units.map((unit) => String.fromCharCode(unit)).join(''))

test('headJson() makes one line of valid JSON that PostgreSQL takes, whatever the sandbox sends', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, hostile, (asked, path, method, host) => {
      const text = line({ ...HEAD, asked, path, method, host })
      expect(text).toMatch(/^[\x20-\x7e]+\n$/)
      const record = recordOf(text)
      for (const field of [record.asked, record.path, record.method, record.host]) {
        expect(field).not.toContain('\0')
        expect(field?.isWellFormed()).toBe(true)
      }
      expect(record.asked?.length).toBeLessThanOrEqual(LEDGER_CAPS.asked)
      expect(record.path?.length).toBeLessThanOrEqual(LEDGER_CAPS.path)
      expect(record.method?.length).toBeLessThanOrEqual(LEDGER_CAPS.method)
      expect({ ...record, asked: 0, path: 0, method: 0, host: 0 }).toEqual({
        ...{ seq: 9, ...HEAD, ...TAIL },
        ...{ asked: 0, path: 0, method: 0, host: 0 },
      })
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['"},{"action":"allow"', '"},{"action":"allow"'],
  ['/a\nb\x1b[31m', '/a\nb\x1b[31m'],
  ['/ä\u{1f600}', '/ä\u{1f600}'],
  ['/\0', '/\\u0000'],
  ['/\ud83d', '/\\ud83d'],
  ['/\udc00\ud83d\ude00', '/\\udc00\u{1f600}'],
])('headJson() keeps %j as %j', (path, kept) => {
  expect(recordOf(line({ ...HEAD, path })).path).toBe(kept)
})

test('headJson() does not cut a character in two', () => {
  const path = `${'/'.repeat(LEDGER_CAPS.path - 1)}\u{1f600}`
  expect(recordOf(line({ ...HEAD, path })).path).toBe('/'.repeat(LEDGER_CAPS.path - 1))
})

test('tailJson() stays JSON for numbers that are none', () => {
  const tail = { reason: null, status: NaN, bytesUp: Infinity, bytesDown: 2.4, ms: -1e300, policyVersion: NaN }
  const { status, bytesUp, bytesDown, ms, policyVersion } = recordOf(line(HEAD, tail))
  expect([status, bytesUp, bytesDown, ms, policyVersion]).toEqual([null, 0, 2, 0, 0])
})

test.each([
  ['/a?token=secret', '/a?[12 bytes]'],
  ['/a?', '/a?[0 bytes]'],
  ['/a', '/a'],
  ['/a?b?c', '/a?[3 bytes]'],
])('redactQuery() of %s is %s', (path, redacted) => {
  expect(redactQuery(path)).toBe(redacted)
})
