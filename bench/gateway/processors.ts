import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** One processor for the proxy that is measured, the same for each, and the others for all else. */
export type Processors = {
  /** As the engine writes them; undefined on a machine with a single one, where nothing is pinned. */
  proxy: string | undefined
  rest: string | undefined
  restCount: number
}

/** Chooses processors, and leaves the proxy's as far as this process, which reads the ledger, is concerned. */
export function processors(): Processors {
  const count = availableParallelism()
  if (count < 2) return { proxy: undefined, rest: undefined, restCount: 1 }
  const rest = count === 2 ? '0' : `0-${count - 2}`
  try {
    execFileSync('taskset', ['-a', '-p', '-c', rest, String(process.pid)], { stdio: 'ignore' })
  } catch {
    // Without the program, or the right to, the kernel decides where this process runs.
  }
  return { proxy: String(count - 1), rest, restCount: count - 1 }
}
