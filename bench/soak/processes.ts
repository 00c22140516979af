import { readFileSync, readdirSync } from 'node:fs'

/** What the processes of a group hold: resident memory in MiB, and open files. */
export type Held = { memoryMiB: number; files: number }

/** Reads it from the kernel; undefined when the group has no process any more. */
export function heldBy(group: number): Held | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && groupOf(name) === group)
  if (pids.length === 0) return undefined
  const memoryMiB = pids.reduce((sum, pid) => sum + residentKiB(pid) / 1024, 0)
  const files = pids.reduce((sum, pid) => sum + openFiles(pid), 0)
  return { memoryMiB: Math.round(memoryMiB), files }
}

/** The fifth field of `stat`; a program's name, in brackets before it, may hold anything. */
function groupOf(pid: string): number {
  const fields = read(`/proc/${pid}/stat`).replace(/^.*\)/s, '').trim().split(' ')
  return Number(fields[2])
}

const residentKiB = (pid: string) => Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)

function openFiles(pid: string): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // It ended meanwhile.
    return ''
  }
}
