import { runProcess } from '../../forge/process.ts'
import type { RunProcess } from '../../forge/process.ts'

/** After `deadlineMs` it is ended. */
export type FindLimits = { maxBytes: number; deadlineMs: number }

/**
 * Runs `find` on the engine's host and gives what it printed; `isCut`: there was more than `maxBytes`. Names are hostile, so
 * what is printed must be numbers. Rejects when `find` cannot be run.
 */
export type Find = (args: readonly string[], limits: FindLimits) => Promise<{ output: Buffer; isCut: boolean }>

/** Who starts programs, and where they lie. */
export type Programs = { run: RunProcess; path: string }

const USUAL: Programs = { run: runProcess, path: '/usr/local/bin:/usr/bin:/bin' }

export function findBy({ run, path }: Programs = USUAL): Find {
  return async (args, { maxBytes, deadlineMs }) => {
    const { stdout, overflow } = await run(['find', ...args], {
      ...{ env: { PATH: path }, cwd: '/', maxOutputBytes: maxBytes },
      cutAfterMs: deadlineMs,
    })
    return { output: stdout, isCut: overflow }
  }
}
