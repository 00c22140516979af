import { setTimeout as delay } from 'node:timers/promises'
import { findFreezer } from './freezer.ts'

/** An engine that removes a container takes less unless it is very busy. */
const LOOK_EVERY_MS = 5000

/**
 * Waits for the engine to remove a container. One that the engine cannot end since it hangs over its being frozen is ended
 * by the kernel, where this process may: the engine then goes on.
 */
export async function endWhenStuck<T>(container: string, removing: Promise<T>): Promise<T> {
  const over = new AbortController()
  void look(container, over.signal)
  try {
    return await removing
  } finally {
    over.abort()
  }
}

async function look(container: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    await delay(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted) return
    const freezer = await findFreezer(container)
    if (await freezer?.isFrozen()) await freezer?.end().catch(() => {})
  }
}
