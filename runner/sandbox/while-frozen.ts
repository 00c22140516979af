import { setTimeout as delay } from 'node:timers/promises'
import { DrydockError } from '../../domain/errors.ts'
import type { EngineCalls } from './engine-calls.ts'
import type { Freezer } from './freezer.ts'

const THAW_EVERY_MS = 50

export type FreezeInput = {
  calls: Pick<EngineCalls, 'pause' | 'unpause'>
  container: string
  /** Undefined where the kernel has none or does not let this process. */
  freezer: Freezer | undefined
  /** How long the engine may take for each of the two calls. */
  limitMs: number
}

/**
 * Does work while a container is frozen. Leaves it thawed in any case: when the engine does not thaw it in time, the
 * kernel is told to, and this rejects with `engine-unavailable`. The engine may take it for frozen after that.
 */
export async function whileFrozen(input: FreezeInput, work: () => Promise<void>): Promise<void> {
  const { calls, container, limitMs } = input
  const pausing = calls.pause(container)
  try {
    if (!(await isAnswered(pausing, limitMs))) throw stuck('freeze')
    await pausing
    await work()
  } finally {
    // Also after a freeze that failed: an earlier process may have left it frozen. One that comes late is undone late.
    const unpausing = pausing.then(
      () => calls.unpause(container),
      () => calls.unpause(container).catch(() => {}),
    )
    await thaw(input, unpausing)
  }
}

async function thaw({ freezer, limitMs }: FreezeInput, unpausing: Promise<void>): Promise<void> {
  const byKernel = () => freezer?.thaw().catch(() => {})
  if (await isAnswered(unpausing, limitMs)) {
    await unpausing.catch(async (error: unknown) => {
      await byKernel()
      throw error
    })
    return
  }
  // Again and again: an engine that is still at freezing would undo a single time.
  for (let tries = Math.ceil(limitMs / THAW_EVERY_MS); tries > 0; tries--) {
    await byKernel()
    if (await isAnswered(unpausing, THAW_EVERY_MS)) break
  }
  throw stuck('thaw')
}

/** Whether a call comes to an end in time, be it a good one. */
async function isAnswered(call: Promise<void>, limitMs: number): Promise<boolean> {
  const over = new AbortController()
  const ended = call.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, delay(limitMs, false, { signal: over.signal })])
  } finally {
    over.abort()
  }
}

function stuck(action: string): DrydockError {
  return new DrydockError('engine-unavailable', `Cannot ${action} a sandbox: the Docker engine does not answer in time`)
}
