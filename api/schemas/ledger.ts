import { z } from '@hono/zod-openapi'
import { line } from './common.ts'

const PAGE = 10_000

const count = z.int().min(0)
const text = z.string().nullable()
const verdict = z.enum(['allow', 'deny'])

export const LedgerQuery = z.strictObject({
  after: line(400).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(PAGE).default(PAGE),
  format: z.enum(['json', 'jsonl']).optional().openapi({ description: 'jsonl: all records, one on each line' }),
})

export const LedgerRecordSchema = z
  .object({
    seq: count,
    at: z.iso.datetime(),
    sandbox: z.string(),
    attempt: text,
    build: text.openapi({ description: 'The build in the background that it is of, where it is of no attempt' }),
    phase: text,
    layer: z.string(),
    asked: text,
    host: text,
    port: count.nullable(),
    address: text,
    method: text,
    path: text,
    verdict,
    rule: text,
    reason: text,
    status: count.nullable(),
    bytesUp: count,
    bytesDown: count,
    ms: z.number().nullable(),
    policyVersion: count,
  })
  .openapi('LedgerRecord')
export const LedgerSchema = z.object({ data: z.array(LedgerRecordSchema), next: text }).openapi('Ledger')

const totals = { requests: count, denied: count, bytesUp: count, bytesDown: count }

/** What an attempt asked of the network, by host. */
export const NetworkSchema = z
  .object({
    ...totals,
    hosts: z.array(
      z.object({
        host: text,
        verdict,
        count,
        bytesUp: count,
        bytesDown: count,
        reasons: z.record(z.string(), count),
        rules: z.record(z.string(), count),
        first: z.iso.datetime(),
        last: z.iso.datetime(),
      }),
    ),
    others: z.object({ hosts: count, ...totals }).nullable(),
  })
  .openapi('Network')

export type LedgerJson = z.infer<typeof LedgerSchema>
export type LedgerRecordJson = z.infer<typeof LedgerRecordSchema>
export type NetworkJson = z.infer<typeof NetworkSchema>
