import type { PublishOutcome } from '../../domain/tasks/publishing.ts'
import type { Busy } from './publish.ts'

const SECOND = 1000
const FIRST_DELAY_MS = 30 * SECOND
const MAX_DELAY_MS = 3600 * SECOND
/** With the delays doubling up to an hour: most of a day. */
export const MAX_TRIES = 24

export type NextTry = { delayMs: number; reason: string } | { failed: PublishOutcome }

/** When a publishing is tried again that the forge could not take, or that it is given up. Pure: `now` in milliseconds. */
export function nextTry(busy: Busy, tries: number, now: number): NextTry {
  // That is what Drydock does, not what the reader is to do.
  const why = busy.reason.replace(/ Try again (then|later)\./, '')
  if (tries >= MAX_TRIES) {
    const message = `${why} Drydock tried ${tries} times and gave up; publish again when that has changed.`
    return { failed: { state: 'failed', reason: busy.code, message } }
  }
  const doubled = FIRST_DELAY_MS * 2 ** (Math.max(1, tries) - 1)
  // A forge that asks for little again and again is not asked more often than one that says nothing.
  const delayMs = Math.min(Math.max(busy.delayMs ?? 0, doubled), MAX_DELAY_MS)
  const at = new Date(now + delayMs).toISOString().replace(/\.\d+Z$/, 'Z')
  return { delayMs, reason: `${why} Drydock tries again at ${at}.` }
}
