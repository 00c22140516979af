import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync, readdirSync } from 'node:fs'

const KIB = 1024

/** What a container takes, in bytes: its own memory, and that of the process by which the engine looks after it. */
export type Footprint = { container: number; shim: number }

/** Reads it from the kernel. File pages are left out: those of an image are shared by all that run it. */
export function footprintOf(container: string): Footprint {
  const pid = execFileSync('docker', ['inspect', '-f', '{{.State.Pid}}', container], { encoding: 'utf8' }).trim()
  const parent = field(read(`/proc/${pid}/status`), 'PPid:')
  return { container: cgroupBytes(pid), shim: field(read(`/proc/${parent}/smaps_rollup`), 'Pss:') * KIB }
}

/** What the engine's own processes have in memory: they serve all containers of the machine. */
export function engineBytes(): number {
  const names = new Set(['dockerd', 'containerd'])
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => names.has(program(pid)))
    .reduce((sum, pid) => sum + field(read(`/proc/${pid}/status`), 'VmRSS:') * KIB, 0)
}

function cgroupBytes(pid: string): number {
  const lines = read(`/proc/${pid}/cgroup`).split('\n')
  const v1 = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'))
  const path = (v1 ?? lines.find((line) => line.startsWith('0::')) ?? '').split(':')[2] ?? ''
  const folder = v1 === undefined ? `/sys/fs/cgroup${path}` : `/sys/fs/cgroup/memory${path}`
  const used = Number(read(`${folder}/${v1 === undefined ? 'memory.current' : 'memory.usage_in_bytes'}`))
  const stat = read(`${folder}/memory.stat`)
  const prefix = v1 === undefined ? '' : 'total_'
  return used - field(stat, `${prefix}active_file`) - field(stat, `${prefix}inactive_file`)
}

function program(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).split('/').at(-1) ?? ''
  } catch {
    return ''
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

function field(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.split(/\s+/)[0] === name)
  return Number(line?.split(/\s+/)[1] ?? 0)
}
