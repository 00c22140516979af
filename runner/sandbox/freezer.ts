import { readdir, readFile, writeFile } from 'node:fs/promises'
import { cgroupFolder } from './cgroup-folder.ts'
import { killProcess } from './kill-process.ts'

/**
 * The kernel's own switch that holds the processes of a container still. Of use where the engine is stuck: it starts a
 * command by a process inside the container, waits for that one, and cannot thaw what it waits for.
 */
export interface Freezer {
  isFrozen(): Promise<boolean>
  /** Ends all its processes, which being frozen run no instruction more, and lets them go. */
  end(): Promise<void>
  /** Rejects where this process may not. */
  thaw(): Promise<void>
}

/** From the text of a process's `/proc/PID/cgroup`. Undefined where this machine has no such switch. */
export function freezerOf(membership: string): Freezer | undefined {
  const folder = cgroupFolder(membership, 'freezer')
  if (folder === undefined) return undefined
  const isV1 = folder.startsWith('/sys/fs/cgroup/freezer/')
  const file = `${folder}/${isV1 ? 'freezer.state' : 'cgroup.freeze'}`
  const thaw = () => writeFile(file, isV1 ? 'THAWED' : '0')
  return {
    thaw,
    async isFrozen() {
      const state = (await readFile(file, 'utf8').catch(() => '')).trim()
      return isV1 ? state === 'FROZEN' || state === 'FREEZING' : state === '1'
    },
    async end() {
      const pids = await readFile(`${folder}/cgroup.procs`, 'utf8').catch(() => '')
      for (const pid of pids.split('\n').filter(Boolean)) killProcess(Number(pid))
      await thaw()
    },
  }
}

/**
 * Finds the switch of a container without asking the engine. Undefined when it has no process, or none that can be seen
 * from here.
 */
export async function findFreezer(container: string): Promise<Freezer | undefined> {
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue
    const membership = await readFile(`/proc/${entry}/cgroup`, 'utf8').catch(() => '')
    if (membership.includes(container)) return freezerOf(membership)
  }
  return undefined
}
