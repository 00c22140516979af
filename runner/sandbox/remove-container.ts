import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../../domain/errors.ts'
import { untilAborted } from './aborted.ts'
import { endWhenStuck } from './end-when-stuck.ts'
import type { EngineCalls } from './engine-calls.ts'

const ENGINE_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000

type Removed = { calls: Pick<EngineCalls, 'remove'>; name: string; id: string | undefined }

/** Removes by name, again and again: that also reaches a container whose create was answered too late. */
export async function removeContainer({ calls, name, id }: Removed, deadline: AbortSignal): Promise<void> {
  for (let pauseMs = 100; ; pauseMs *= 2) {
    try {
      await untilAborted(endWhenStuck(id ?? name, calls.remove(name)), deadline)
      return
    } catch (error) {
      // An engine that is away keeps nothing running that a sweep would not find when it is back.
      const longest = hasCode(error, 'engine-unavailable') ? ENGINE_PAUSE_MS : LONGEST_PAUSE_MS
      if (deadline.aborted || pauseMs > longest) throw error
      await delay(pauseMs)
    }
  }
}
