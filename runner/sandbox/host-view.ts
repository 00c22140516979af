import { readdir, readFile, stat } from 'node:fs/promises'
import { cgroupFolder } from './cgroup-folder.ts'
import { freezerOf, type Freezer } from './freezer.ts'

const BLOCK_BYTES = 512
/** What one look may cost; the free-space floor of the host is behind it. */
const MAX_DESCRIPTORS = 10_000

/** How often the kernel enforced a limit on a container. */
export type Counters = { oomKills: number; forksRefused: number }

/**
 * What the kernel of this machine says about a container: only there when this process runs on the engine's host, in
 * its PID namespace. Owes nothing to anything inside the container.
 */
export interface HostView {
  /** Undefined once the container is gone. */
  counters(): Promise<Counters | undefined>
  /** The processor time that all its processes ever took, as text; undefined where that cannot be told. */
  cpuTime(): Promise<string | undefined>
  /** Ids of all its processes, on this host. */
  pids(): Promise<number[]>
  /** Bytes of files that have no name any more and live on in a process: no walk of a folder finds them. */
  unlinkedBytes(): Promise<number>
  freezer: Freezer | undefined
}

/** Undefined when the container's processes cannot be seen from here. */
export async function openHostView(container: string, pid: number): Promise<HostView | undefined> {
  const membership = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')
  if (!membership.includes(container)) return undefined
  const memory = cgroupFolder(membership, 'memory')
  const pids = cgroupFolder(membership, 'pids')
  const cpu = cgroupFolder(membership, 'cpuacct')
  if (memory === undefined || pids === undefined) return undefined
  const isV2 = memory === pids
  return {
    async counters() {
      const [memoryText, pidsText] = await Promise.all([
        readFile(`${memory}/${isV2 ? 'memory.events' : 'memory.oom_control'}`, 'utf8').catch(() => undefined),
        readFile(`${pids}/pids.events`, 'utf8').catch(() => undefined),
      ])
      if (memoryText === undefined || pidsText === undefined) return undefined
      return { oomKills: field(memoryText, 'oom_kill'), forksRefused: field(pidsText, 'max') }
    },
    async cpuTime() {
      const text = await readFile(`${cpu}/${isV2 ? 'cpu.stat' : 'cpuacct.usage'}`, 'utf8').catch(() => undefined)
      return isV2 ? /^usage_usec (\d+)$/m.exec(text ?? '')?.[1] : text?.trim()
    },
    pids: () => processesIn(pids),
    unlinkedBytes: async () => unlinkedBytes(await processesIn(pids), pid),
    freezer: freezerOf(membership),
  }
}

async function processesIn(folder: string): Promise<number[]> {
  const text = await readFile(`${folder}/cgroup.procs`, 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean).map(Number)
}

/** Looks at open files of the root file system only: memory files are the memory limit's. */
async function unlinkedBytes(processes: number[], pid: number): Promise<number> {
  const root = await stat(`/proc/${pid}/root`).catch(() => undefined)
  const seen = new Map<number, number>()
  let left = MAX_DESCRIPTORS
  for (const process of processes) {
    const open = (await readdir(`/proc/${process}/fd`).catch(() => [])).slice(0, left)
    left -= open.length
    const files = await Promise.all(open.map((fd) => stat(`/proc/${process}/fd/${fd}`).catch(() => undefined)))
    for (const file of files) {
      if (file?.isFile() && file.nlink === 0 && file.dev === root?.dev) seen.set(file.ino, file.blocks * BLOCK_BYTES)
    }
  }
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** Says whether a process id is a process of this container at this moment. */
export async function isInContainer(container: string, pid: number): Promise<boolean> {
  const membership = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')
  return membership.includes(container)
}

function field(text: string, name: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}
