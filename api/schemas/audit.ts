import { z } from '@hono/zod-openapi'
import { AUDIT_ACTIONS } from '../../domain/audit/actions.ts'
import type { AuditEntry } from '../../domain/audit/read.ts'
import { Seq, line } from './common.ts'

const MAX_PAGE = 500
const CHECKPOINT = /^(\d{1,15}):([0-9a-f]{64})$/

const named = (what: string) =>
  line(300)
    .optional()
    .openapi({ description: `Id or name of the ${what}` })
const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .optional()
const filter = {
  actor: named('one who did it'),
  action: z.enum(AUDIT_ACTIONS).optional(),
  target: named('object that it was done to'),
  since: moment,
  until: moment,
}
const point = z
  .string()
  .regex(CHECKPOINT, 'must be SEQ:HASH')
  .transform((text) => {
    const [, seq, hash = ''] = CHECKPOINT.exec(text) ?? []
    return { seq: Number(seq), hash }
  })
  .optional()

export const AuditExportQuery = z.strictObject(filter)
export const AuditQuery = z.strictObject({
  ...filter,
  cursor: Seq.optional().openapi({ description: '`nextCursor` of the page before' }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
})
export const VerifyQuery = z.strictObject({
  from: point.openapi({ type: 'string', description: '`last` of the answer before, as SEQ:HASH' }),
  checkpoint: point.openapi({ type: 'string', description: 'An entry that was noted elsewhere, as SEQ:HASH' }),
})

const text = z.string().nullable()
const fields = z.unknown().openapi({ type: 'object', description: 'Only what changed; of secrets their names alone' })

export const AuditEntrySchema = z
  .object({
    seq: z.int(),
    at: z.string(),
    actor: z.object({ id: text, name: z.string(), via: z.string(), credentialId: text, address: text }),
    action: z.enum(AUDIT_ACTIONS),
    target: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
    before: fields,
    after: fields,
    previousHash: z.string(),
    hash: z.string(),
  })
  .openapi('AuditEntry')
export const AuditPageSchema = z
  .object({ data: z.array(AuditEntrySchema), nextCursor: z.int().nullable() })
  .openapi('AuditPage')

const pointJson = z.object({ seq: z.int(), hash: z.string() })
export const AuditVerdictSchema = z
  .object({
    broken: z
      .object({
        seq: z.int(),
        why: z.enum(['changed', 'missing', 'broken-link', 'truncated', 'unfinished', 'anchor', 'checkpoint']),
      })
      .nullable(),
    checked: z.int(),
    last: pointJson,
    anchor: pointJson,
    done: z.boolean().openapi({ description: 'false: go on with `from`' }),
  })
  .openapi('AuditVerdict')

export type AuditEntryJson = z.infer<typeof AuditEntrySchema>
export type AuditPageJson = z.infer<typeof AuditPageSchema>
export type AuditVerdictJson = z.infer<typeof AuditVerdictSchema>

export function auditJson(entry: AuditEntry): AuditEntryJson {
  const { actorId, actorName, via, credentialId, address, targetKind, targetId, targetName, ...rest } = entry
  return {
    ...rest,
    actor: { id: actorId, name: actorName, via, credentialId, address },
    target: { kind: targetKind, id: targetId, name: targetName },
  }
}
