import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { EngineCalls } from './engine-calls.ts'
import type { ExecGate } from './exec-gate.ts'
import { isInContainer, type HostView } from './host-view.ts'
import { killProcess } from './kill-process.ts'
import { whileFrozen } from './while-frozen.ts'

const DYING_MS = 5000
const LOOK_EVERY_MS = 5
/** A busy engine takes a second or two. */
const FREEZE_LIMIT_MS = 5000

export type KillAll = (signal: AbortSignal) => Promise<void>

type KillerInput = {
  calls: EngineCalls
  container: string
  gate: ExecGate
  host: HostView | undefined
  /** PID 1 on this machine. */
  pid: number
  onRestart: () => void
}

/**
 * Makes the function that ends every process but PID 1 and the keeper below it. Runs nothing inside the container: its
 * tools may be the agent's. Freezes it first, so that a fork bomb holds still and no process id is given out again.
 * Where processes cannot be seen, or the engine does not freeze it, the container is restarted on its own file system: the
 * kernel then ends them all.
 */
export async function createKiller(input: KillerInput): Promise<KillAll> {
  const { calls, container, gate, host, pid } = input
  let spared = host === undefined ? undefined : await keeperOf(pid)
  // After a restart PID 1 and the keeper are others, and what runs beside them cannot be told apart any more.
  const restart = () => {
    spared = undefined
    input.onRestart()
    return calls.restart(container)
  }
  const strangers = async () => ((await host?.pids()) ?? []).filter((candidate) => !spared?.has(candidate))
  const killStrangers = async () => {
    if ((await strangers()).length === 0) return
    await whileFrozen({ calls, container, freezer: host?.freezer, limitMs: FREEZE_LIMIT_MS }, async () => {
      for (const stranger of await strangers()) if (await isInContainer(container, stranger)) killProcess(stranger)
    })
  }

  return async (signal) => {
    if (spared === undefined) return restart()
    // Within the gate: a command that is being started is none of the strangers yet.
    const isDone = await gate.freeze(killStrangers).catch(() => false)
    if (!isDone) return restart()
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
