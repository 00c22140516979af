import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LABELS } from '../../runner/sandbox/engine.ts'

const execute = promisify(execFile)
const MAX_OUTPUT = 2 ** 26

/** The engine's own command. Resolves to its trimmed output. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await execute('docker', [...args], { maxBuffer: MAX_OUTPUT })
  return stdout.trim()
}

export type ContainerSpec = {
  name: string
  image: string
  network: string
  command: readonly string[]
  /** Its address, where the network has a subnet that was chosen. */
  address?: string
  /** Name → address, in its file of hosts. */
  hosts?: Readonly<Record<string, string>>
  /** Path on the host → path in it, read-only. */
  mounts?: Readonly<Record<string, string>>
  /** May change its network: routes, addresses, packet filters. */
  netAdmin?: boolean
  /** The processors that it may run on, as the engine writes them. */
  cpus?: string
}

/** Containers of one benchmark, known by its label. */
export class Containers {
  readonly #installation: string
  readonly #names: string[] = []

  constructor(installation: string) {
    this.#installation = installation
  }

  get label(): string {
    return `${LABELS.installation}=${this.#installation}`
  }

  /** Starts one and resolves to its name at the engine. */
  async start(spec: ContainerSpec): Promise<string> {
    const name = `${this.#installation}-${spec.name}`
    this.#names.push(name)
    const hosts = Object.entries(spec.hosts ?? {}).map(([host, address]) => `--add-host=${host}:${address}`)
    const mounts = Object.entries(spec.mounts ?? {}).map(([from, to]) => `--volume=${from}:${to}:ro`)
    await docker(
      ...['run', '-d', '--name', name, '--label', this.label, `--network=${spec.network}`],
      ...hosts,
      ...mounts,
      ...(spec.address === undefined ? [] : [`--ip=${spec.address}`]),
      ...(spec.netAdmin === true ? ['--cap-add=NET_ADMIN'] : []),
      ...(spec.cpus === undefined ? [] : [`--cpuset-cpus=${spec.cpus}`]),
      ...[spec.image, ...spec.command],
    )
    return name
  }

  async addressOf(name: string, network: string): Promise<string> {
    return docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name)
  }

  /** Ends all, each asked first, and removes them. */
  async remove(): Promise<void> {
    const names = this.#names.splice(0)
    if (names.length === 0) return
    await docker('stop', '-t', '5', ...names).catch(() => '')
    await docker('rm', '-f', '-v', ...names).catch(() => '')
  }
}

/** Seconds of processor time that a container's processes have used since it was started. */
export async function cpuSeconds(container: string): Promise<number> {
  const script = 'cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage'
  const text = await docker('exec', container, 'sh', '-c', script)
  const micro = /^usage_usec (\d+)$/m.exec(text)?.[1]
  return micro === undefined ? Number(text) / 1e9 : Number(micro) / 1e6
}

/** Resident memory of a container's largest process, in MiB: its first one may only start the others. */
export async function residentMiB(container: string): Promise<number> {
  const text = await docker('exec', container, 'sh', '-c', 'cat /proc/[0-9]*/status')
  const sizes = [...text.matchAll(/^VmRSS:\s+(\d+) kB$/gm)].map((match) => Number(match[1]))
  return Math.max(...sizes) / 1024
}
