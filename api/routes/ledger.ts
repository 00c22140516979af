import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { forbidden } from '../../domain/errors.ts'
import { readLedger } from '../../domain/ledger/read.ts'
import type { LedgerOf } from '../../domain/ledger/read.ts'
import type { Right, WatchedRight } from '../access-watch.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { defineRoute } from '../route.ts'
import { IdParams, line, problems } from '../schemas/common.ts'
import { LedgerQuery, LedgerSchema } from '../schemas/ledger.ts'

const LINES_TYPE = 'application/x-ndjson'
/** Records that are in memory at once for one reader of lines. */
const LINES_PAGE = 500

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
  const wantsLines = format === undefined && c.req.header('accept')?.includes(LINES_TYPE) === true
  if (format !== 'jsonl' && !wantsLines) return c.json(await readLedger(deps.db, of, { after, limit }), 200)
  c.header('content-type', LINES_TYPE)
  // The first page is read before the answer begins: what is wrong with the request is still an answer of its own.
  const first = await readLedger(deps.db, of, { after, limit: LINES_PAGE })
  // Two types of content under one status are more than the route's type can tell apart.
  return c.body(lineStream(deps, rightOf(deps, c), { of, first }), 200) as never
}

type Page = Awaited<ReturnType<typeof readLedger>>

/** Every record on a line. The next page is read when the last one is on its way, and only by who still may (R24). */
function lineStream(
  { db, access, logger }: ApiDeps,
  right: Right,
  { of, first }: { of: LedgerOf; first: Page },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let page = first
  let watched: WatchedRight | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          watched ??= access.watch(right)
          if (watched.signal.aborted) return controller.error(forbidden())
          const { data, next }: Page = page
          if (data.length > 0) {
            controller.enqueue(encoder.encode(`${data.map((record) => JSON.stringify(record)).join('\n')}\n`))
          }
          if (next !== null) return void (page = await readLedger(db, of, { after: next, limit: LINES_PAGE }))
          watched[Symbol.dispose]()
          controller.close()
        } catch (error) {
          // Broken off, not ended: who counts the lines must not take this for all of them.
          watched?.[Symbol.dispose]()
          logger.error({ err: error, of }, 'Cannot go on with a ledger')
          controller.error(error)
        }
      },
      cancel() {
        watched?.[Symbol.dispose]()
      },
    },
    { highWaterMark: 0 },
  )
}
