import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { readLedger } from '../../domain/ledger/read.ts'
import type { LedgerOf } from '../../domain/ledger/read.ts'
import { assertKept } from '../../domain/retention/removed.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { LINES_PAGE, LINES_TYPE, lineStream } from '../line-stream.ts'
import type { Lines } from '../line-stream.ts'
import { defineRoute } from '../route.ts'
import { IdParams, line, problems } from '../schemas/common.ts'
import { LedgerQuery, LedgerSchema } from '../schemas/ledger.ts'

const answers = (description: string) => ({
  200: {
    description,
    content: { 'application/json': { schema: LedgerSchema }, [LINES_TYPE]: { schema: z.string() } },
  },
  ...problems,
})

const ofAttempt = defineRoute({
  method: 'get',
  path: '/attempts/{id}/ledger',
  needs: { scope: 'read', object: { of: 'attempt', to: 'see' } },
  request: { params: IdParams, query: LedgerQuery },
  responses: answers('What the attempt asked of the network, oldest first; nothing while the network is off'),
})
const ofBuilds = defineRoute({
  method: 'get',
  path: '/environments/{id}/cache/ledger',
  needs: { scope: 'read', object: { of: 'environment', to: 'see' } },
  request: { params: z.object({ id: line(64).openapi({ description: 'Id or name' }) }), query: LedgerQuery },
  responses: answers(
    'What set-up in the background asked of the network, oldest first; where a task waited for it, its ledger has that',
  ),
})

export function ledgerRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(ofAttempt, (c) => answer(c, { deps, of: { attempt: c.get('objectId') }, query: c.req.valid('query') }))
    .openapi(ofBuilds, (c) => answer(c, { deps, of: { environment: c.get('objectId') }, query: c.req.valid('query') }))
}

type Asked = { deps: ApiDeps; of: LedgerOf; query: z.infer<typeof LedgerQuery> }

async function answer(c: Context<ApiEnv>, { deps, of, query: { after, limit, format } }: Asked) {
  if ('attempt' in of) {
    const cannot = `Cannot show the ledger of attempt "${of.attempt}"`
    await assertKept(deps.db, { attemptId: of.attempt, kinds: ['ledger'], cannot })
  }
  const wantsLines = format === undefined && c.req.header('accept')?.includes(LINES_TYPE) === true
  if (format !== 'jsonl' && !wantsLines) return c.json(await readLedger(deps.db, of, { after, limit }), 200)
  c.header('content-type', LINES_TYPE)
  // Two types of content under one status are more than the route's type can tell apart.
  return c.body(lineStream(deps, rightOf(deps, c), await linesFrom(deps, of, after)), 200) as never
}

async function linesFrom({ db }: Pick<ApiDeps, 'db'>, of: LedgerOf, after?: string): Promise<Lines> {
  const { data, next } = await readLedger(db, of, { after, limit: LINES_PAGE })
  return { data, next: next === null ? undefined : () => linesFrom({ db }, of, next) }
}
