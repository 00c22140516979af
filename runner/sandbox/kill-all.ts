import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { EngineCalls } from './engine-calls.ts'
import { isInContainer, type HostView } from './host-view.ts'

const DYING_MS = 5000
const LOOK_EVERY_MS = 5

export type KillAll = (signal: AbortSignal) => Promise<void>

type KillerInput = {
  calls: EngineCalls
  container: string
  host: HostView | undefined
  /** PID 1 on this machine. */
  pid: number
  onRestart: () => void
}

/**
 * Makes the function that ends every process but PID 1 and the keeper below it. Runs nothing inside the container: its
 * tools may be the agent's. Freezes it first, so that a fork bomb holds still and no process id is given out again.
 * Where processes cannot be seen, the container is restarted on its own file system: the kernel then ends them all.
 */
export async function createKiller(input: KillerInput): Promise<KillAll> {
  const { calls, container, host, pid } = input
  let spared = host === undefined ? undefined : await keeperOf(pid)
  // After a restart PID 1 and the keeper are others, and what runs beside them cannot be told apart any more.
  const restart = () => {
    spared = undefined
    input.onRestart()
    return calls.restart(container)
  }
  const strangers = async () => ((await host?.pids()) ?? []).filter((candidate) => !spared?.has(candidate))

  return async (signal) => {
    if (spared === undefined) return restart()
    if ((await strangers()).length === 0) return
    await calls.pause(container)
    try {
      for (const stranger of await strangers()) if (await isInContainer(container, stranger)) kill(stranger)
    } finally {
      await calls.unpause(container)
    }
    for (
      const deadline = Date.now() + DYING_MS;
      Date.now() < deadline;
      await delay(LOOK_EVERY_MS, undefined, { signal })
    ) {
      if ((await strangers()).length === 0) return
    }
    await restart()
  }
}

/** PID 1 and its only child right after the start. Undefined when that picture is not what is found. */
async function keeperOf(pid: number): Promise<Set<number> | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const children = text.split(' ').filter(Boolean).map(Number)
  return children.length === 1 ? new Set([pid, ...children]) : undefined
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself, or belongs to a user that this process may not signal: the check afterwards tells.
  }
}
