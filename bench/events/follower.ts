import { followEvents } from '../support/event-stream.ts'
import type { Received } from '../support/event-stream.ts'

/** What all followers saw, put together. */
export type Seen = { events: number; lines: number; faults: string[]; lagsMs: number[] }

/** Each line begins with the time of its writing: microseconds of the epoch. */
const MARK = '"text": "'
const DIGITS = 16

/** Follows one task to its end; every number must follow the one before, and nothing may come twice or be left out. */
export async function follow(stream: { url: string; token: string; taskId: string }, seen: Seen): Promise<number> {
  let last = 0
  await followEvents(stream, (event) => {
    if (event.seq !== last + 1) seen.faults.push(`task ${stream.taskId}: ${event.seq} came after ${last}`)
    last = event.seq
    note(event, seen)
  })
  return last
}

function note({ json, at }: Received, seen: Seen): void {
  seen.events++
  const mark = json.indexOf(MARK)
  const written = mark < 0 ? NaN : Number(json.slice(mark + MARK.length, mark + MARK.length + DIGITS))
  if (Number.isNaN(written)) return
  seen.lines++
  seen.lagsMs.push(at - written / 1000)
}
