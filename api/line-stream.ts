import { forbidden } from '../domain/errors.ts'
import type { Right, WatchedRight } from './access-watch.ts'
import type { ApiDeps } from './context.ts'

export const LINES_TYPE = 'application/x-ndjson'
/** Records that are in memory at once for one reader of lines. */
export const LINES_PAGE = 500

/** Some records, and how the next are read; undefined after the last. */
export type Lines = { data: readonly unknown[]; next: (() => Promise<Lines>) | undefined }

/**
 * Every record on a line. The next page is read when the last one is on its way, and only by who still may (R24). `first` is
 * read before the answer begins: what is wrong with the request is still an answer of its own.
 */
export function lineStream(
  { access, logger }: Pick<ApiDeps, 'access' | 'logger'>,
  right: Right,
  first: Lines,
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
          const { data, next }: Lines = page
          if (data.length > 0) {
            controller.enqueue(encoder.encode(`${data.map((record) => JSON.stringify(record)).join('\n')}\n`))
          }
          if (next !== undefined) return void (page = await next())
          watched[Symbol.dispose]()
          controller.close()
        } catch (error) {
          // Broken off, not ended: who counts the lines must not take this for all of them.
          watched?.[Symbol.dispose]()
          logger.error({ err: error }, 'Cannot go on with lines')
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
