import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { localBudgetOf } from '../../domain/usage/local-budget.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { defineRoute } from '../route.ts'
import type { Needs } from '../route.ts'
import { problems } from '../schemas/common.ts'
import type { GatewayPath, ModelAnswer } from './gateway.ts'

const NEEDS = { scope: 'write', permission: 'local.use', part: 'local' } as const satisfies Needs
const BETA = '?beta=true'

const answers = {
  200: {
    description: "The provider's answer, as it comes",
    content: { 'application/json': { schema: z.any() }, 'text/event-stream': { schema: z.string() } },
  },
  ...problems,
}
// What people use models for is in the books of usage, request by request.
const post = <P extends string>(path: P) =>
  defineRoute({ method: 'post', path, needs: NEEDS, audit: 'none', responses: answers })

const responses = post('/responses')
const chat = post('/chat/completions')
const messages = post('/messages')
const countTokens = post('/messages/count_tokens')
const models = defineRoute({ method: 'get', path: '/models', needs: NEEDS, responses: answers })

/** The model route for people's own tools: the Codex CLI, Claude Code, an editor. */
export function modelRoutes(deps: ApiDeps) {
  const router = newRouter(deps)
  // What comes back is a stream of the provider's: there is no type to check it against.
  const relayed = (path: GatewayPath) => (c: Context<ApiEnv>) => relay(deps, c, path) as Promise<never>
  return router
    .openapi(responses, relayed('/v1/responses'))
    .openapi(chat, relayed('/v1/chat/completions'))
    .openapi(messages, (c) => relayed(isBeta(c) ? '/v1/messages?beta=true' : '/v1/messages')(c))
    .openapi(countTokens, (c) =>
      relayed(isBeta(c) ? '/v1/messages/count_tokens?beta=true' : '/v1/messages/count_tokens')(c),
    )
    .openapi(models, relayed('/v1/models'))
}

const isBeta = (c: Context) => new URL(c.req.url).search === BETA

/** Ends, cut short, when the person hangs up or loses the right (R24); the provider is hung up on at once. */
async function relay(deps: ApiDeps, c: Context<ApiEnv>, path: GatewayPath): Promise<Response> {
  const { userId } = c.get('principal')
  const budget = path === '/v1/models' ? null : await localBudgetOf(deps.db, userId)
  const watched = deps.access.watch(rightOf(deps, c))
  const over = new AbortController()
  const signal = AbortSignal.any([watched.signal, c.req.raw.signal, over.signal])
  const end = () => {
    over.abort()
    watched[Symbol.dispose]()
  }
  try {
    const { method, headers, body } = c.req.raw
    const call = {
      method: method === 'GET' ? 'GET' : 'POST',
      path,
      asked: { person: userId, budget },
      headers,
      body,
    } as const
    const answer = await deps.callGateway(call, signal)
    return new Response(streamOf(answer, signal, end), { status: answer.status, headers: answer.headers })
  } catch (error) {
    end()
    throw error
  }
}

/** Reads on only when the last piece is taken: a slow client costs no memory, and the provider waits. */
function streamOf({ body }: ModelAnswer, signal: AbortSignal, end: () => void): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let isOver = false
  const finish = () => {
    isOver = true
    signal.removeEventListener('abort', cut)
    body.destroy()
    end()
  }
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const cut = () => {
    if (isOver) return
    finish()
    // Not closed: an answer that is cut must not look like a whole one.
    controller?.error(new Error('The answer was cut short'))
  }
  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
        if (signal.aborted) cut()
        else signal.addEventListener('abort', cut, { once: true })
      },
      async pull(given) {
        try {
          const next = await pieces.next()
          if (isOver) return
          if (next.done !== true) return given.enqueue(next.value)
          finish()
          given.close()
        } catch {
          cut()
        }
      },
      cancel: () => {
        if (!isOver) finish()
      },
    },
    { highWaterMark: 0 },
  )
}
