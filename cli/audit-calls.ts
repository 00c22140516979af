import type { AuditPageJson, AuditVerdictJson } from '../api/schemas/audit.ts'
import type { Caller } from './client.ts'
import { jsonCaller } from './json-caller.ts'
import { CliError } from './errors.ts'

export type AuditFilter = Record<'actor' | 'action' | 'target' | 'since' | 'until', string | undefined>

/** What is asked about the audit log. */
export function auditCalls(call: Caller, signal: AbortSignal) {
  const json = jsonCaller(call, signal)
  return {
    listAudit: (query: AuditFilter & { cursor?: string | undefined; limit?: string | undefined }) =>
      json<AuditPageJson>({ path: '/audit', query }),
    verifyAudit: (query: { from?: string | undefined; checkpoint?: string | undefined }) =>
      json<AuditVerdictJson>({ path: '/audit/verify', query }),
    exportAudit: async (query: AuditFilter) => {
      const { body } = await call({ path: '/audit/export', query }, signal)
      if (body === null) throw new CliError('internal', 'Cannot export the audit log: the answer has no body')
      return body
    },
  }
}
