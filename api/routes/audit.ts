import { z } from '@hono/zod-openapi'
import { AUDIT_LOG } from '../../domain/audit/actions.ts'
import { listAudit, readAfter } from '../../domain/audit/read.ts'
import type { AuditFilter } from '../../domain/audit/read.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import { verifyAudit } from '../../domain/audit/verify.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { LINES_PAGE, LINES_TYPE, lineStream } from '../line-stream.ts'
import type { Lines } from '../line-stream.ts'
import { defineRoute } from '../route.ts'
import type { Needs } from '../route.ts'
import { json, problems } from '../schemas/common.ts'
import {
  AuditExportQuery,
  AuditPageSchema,
  AuditQuery,
  AuditVerdictSchema,
  VerifyQuery,
  auditJson,
} from '../schemas/audit.ts'

const READ = { scope: 'read', permission: 'audit.read' } as const satisfies Needs

const list = defineRoute({
  method: 'get',
  path: '/audit',
  needs: READ,
  request: { query: AuditQuery },
  responses: { 200: json('A page of the audit log, newest first', AuditPageSchema), ...problems },
})
const verify = defineRoute({
  method: 'get',
  path: '/audit/verify',
  needs: READ,
  request: { query: VerifyQuery },
  responses: {
    200: json('Whether the chain holds, some thousands of entries at a time', AuditVerdictSchema),
    ...problems,
  },
})
const exported = defineRoute({
  method: 'get',
  path: '/audit/export',
  needs: READ,
  audit: 'audit.export',
  request: { query: AuditExportQuery },
  responses: {
    200: {
      description: 'All entries, oldest first, one on each line',
      content: { [LINES_TYPE]: { schema: z.string() } },
    },
    ...problems,
  },
})

/** Who did what. Nothing here changes it; that it was exported is an entry of its own. */
export function auditRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => {
      const { cursor, limit, ...filter } = c.req.valid('query')
      const { data, nextCursor } = await listAudit(db, filter, { cursor, limit })
      return c.json({ data: data.map(auditJson), nextCursor }, 200)
    })
    .openapi(verify, async (c) => c.json(await verifyAudit(db, c.req.valid('query')), 200))
    .openapi(exported, async (c) => {
      const filter = c.req.valid('query')
      await db.transaction((tx) =>
        recordAudit(tx, { by: c.get('principal'), action: 'audit.export', target: AUDIT_LOG, after: { ...filter } }),
      )
      c.header('content-type', LINES_TYPE)
      // The name of the type ends with json, so that the route's type takes it for one document.
      return c.body(lineStream(deps, rightOf(deps, c), await linesAfter(deps, filter, 0)), 200) as never
    })
}

async function linesAfter({ db }: Pick<ApiDeps, 'db'>, filter: AuditFilter, after: number): Promise<Lines> {
  const rows = await readAfter(db, filter, { after, limit: LINES_PAGE })
  const last = rows.length < LINES_PAGE ? undefined : rows.at(-1)?.seq
  return { data: rows.map(auditJson), next: last === undefined ? undefined : () => linesAfter({ db }, filter, last) }
}
