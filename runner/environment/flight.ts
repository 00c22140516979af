import type { Snapshot } from '../../domain/environments/snapshots.ts'
import { untilAborted } from '../sandbox/aborted.ts'
import type { Progress } from '../workspace/workspace.ts'
import type { Follower } from './builder.ts'
import { outputTail } from './output-tail.ts'
import type { OutputTail } from './output-tail.ts'

/** What a build ends with that was stopped: nothing is known of the environment then, and somebody may build anew. */
export class Abandoned extends Error {
  override name = 'Abandoned'
}

/** What the work of a build gets. */
export type FlightScope = {
  stop: AbortController
  tail: OutputTail
  onOutput: Progress
  note: (message: string) => Promise<void>
}

/** A build that several may wait for. */
export type Flight = {
  readonly done: Promise<Snapshot>
  /** Waits for it and hears it, from its beginning. When the last one leaves early it stops, unless it is kept. */
  join: (follower: Follower, signal: AbortSignal) => Promise<Snapshot>
  readonly isWanted: boolean
  stop: (because: string) => void
}

/** Starts a build. One that is kept goes on to its end whoever joins and leaves. */
export function flight(work: (scope: FlightScope) => Promise<Snapshot>, { isKept }: { isKept: boolean }): Flight {
  const stop = new AbortController()
  const tail = outputTail()
  const followers = new Set<Follower>()
  /** Somebody whose own log is broken must not hold up the others. */
  const tell = (say: (follower: Follower) => void | Promise<void>) =>
    Promise.all(
      [...followers].map(async (follower) => {
        try {
          await say(follower)
        } catch {
          followers.delete(follower)
        }
      }),
    )
  const done = work({
    stop,
    tail,
    onOutput: async (stream, chunk) => {
      tail.push(chunk)
      await tell((follower) => follower.onOutput(stream, chunk))
    },
    note: async (message) => {
      await tell((follower) => follower.notice(message))
    },
  })
  // Whoever joins hears how it ended; in the background nobody does.
  done.catch(() => undefined)
  return {
    done,
    async join(follower, signal) {
      const earlier = tail.bytes()
      followers.add(follower)
      try {
        if (earlier.length > 0) await follower.onOutput('stdout', earlier)
        return await untilAborted(done, signal)
      } finally {
        followers.delete(follower)
        if (signal.aborted && followers.size === 0 && !isKept) {
          stop.abort(new Abandoned('Nobody waited for it any more'))
          await done.catch(() => undefined)
        }
      }
    },
    get isWanted() {
      return followers.size > 0
    },
    stop: (because) => stop.abort(new Abandoned(because)),
  }
}
