import { z } from '@hono/zod-openapi'
import type { Right, WatchedRight } from '../access-watch.ts'
import { assertKept } from '../../domain/retention/removed.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { defineRoute } from '../route.ts'
import { IdParams, problems } from '../schemas/common.ts'
import { EventHeaders, EventQuery } from '../schemas/task.ts'

const follow = defineRoute({
  method: 'get',
  path: '/tasks/{id}/events',
  needs: { scope: 'read', object: { of: 'task', to: 'see' } },
  request: { params: IdParams, query: EventQuery, headers: EventHeaders },
  responses: {
    200: {
      description: 'The events of the task from the first, or after a number; ends with "event: end"',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problems,
  },
})

export function eventRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(follow, async (c) => {
    const taskId = c.get('objectId')
    await assertKept(deps.db, { taskId, kinds: ['transcript'], cannot: `Cannot show the log of task "${taskId}"` })
    // A browser that reconnects repeats its URL: the header is the later word.
    const after = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after ?? 0
    c.header('content-type', 'text/event-stream')
    c.header('cache-control', 'no-store')
    c.header('x-accel-buffering', 'no')
    return c.body(eventStream(deps, rightOf(deps, c), { taskId, after }), 200)
  })
}

/**
 * Asks for the next chunk only when the last one is on its way: a slow client costs no memory. Ends, without `event: end`,
 * when the right to it is lost (R24).
 */
function eventStream(
  { events, access, logger }: ApiDeps,
  right: Right,
  { taskId, after }: { taskId: string; after: number },
): ReadableStream<Uint8Array> {
  const gone = new AbortController()
  let watched: WatchedRight | undefined
  const open = () => {
    watched = access.watch(right)
    return events.follow(taskId, after, AbortSignal.any([gone.signal, watched.signal]))
  }
  let chunks: ReturnType<typeof open> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // What nobody reads, as after HEAD, is not begun.
          const next = await (chunks ??= open()).next()
          // Who hung up while this waited has closed the stream already.
          if (gone.signal.aborted) return
          if (next.done !== true) return controller.enqueue(next.value)
          watched?.[Symbol.dispose]()
          controller.close()
        } catch (error) {
          watched?.[Symbol.dispose]()
          if (gone.signal.aborted) return
          // Without `event: end` the client knows to come back, with the last number that it has.
          logger.error({ err: error, taskId }, 'Cannot go on with an event stream')
          controller.close()
        }
      },
      async cancel() {
        gone.abort()
        watched?.[Symbol.dispose]()
        await chunks?.return()
      },
    },
    { highWaterMark: 0 },
  )
}
