import { followEvents } from '../support/event-stream.ts'
import type { Received } from '../support/event-stream.ts'

/** What all followers saw, put together. */
export type Seen = { events: number; lines: number; faults: string[]; lagsMs: number[] }

/** Written by the sandbox at the beginning of each line: microseconds of the epoch. */
const WRITTEN = /"text": ?"(\d{16}) /

/** Follows one task to its end; every number must follow the one before, and nothing may come twice or be left out. */
export async function follow(stream: { url: string; token: string; taskId: string }, seen: Seen): Promise<number> {
  let last = 0
  await followEvents(stream, (events) => {
    for (const event of events) {
      if (event.seq !== last + 1) seen.faults.push(`task ${stream.taskId}: ${event.seq} came after ${last}`)
      last = event.seq
      note(event, seen)
    }
  })
  return last
}

function note({ json, at }: Received, seen: Seen): void {
  seen.events++
  const written = WRITTEN.exec(json)?.[1]
  if (written === undefined) return
  seen.lines++
  seen.lagsMs.push(at - Number(written) / 1000)
}
