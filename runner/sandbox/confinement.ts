import type { Resources } from '../../domain/environments/limits.ts'
import type { Attachment } from '../network/network.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** What package managers need to change owners and users. Never NET_*, SYS_*, KILL, MKNOD. */
const ROOT_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETUID', 'SETGID']

/**
 * Of a container's usual 1024. Where processors are short, what keeps the tasks goes first: the server, its database, its
 * gateway. Idle ones are used to the full by whoever is there.
 */
const CPU_SHARES = 128

/** /dev/shm lies outside the writable layer, so its size is taken off the disk limit beforehand. */
function shmBytes({ diskMiB }: Resources): number {
  return Math.min(64 * MiB, Math.floor((diskMiB * MiB) / 8))
}

/** What the writable layer and the volumes may hold: bytes, and files at the ratio that mkfs.ext4 gives a disk. */
export function diskLimits(resources: Resources): { bytes: number; files: number } {
  const bytes = resources.diskMiB * MiB
  return { bytes: bytes - shmBytes(resources), files: Math.floor(bytes / (16 * KiB)) }
}

/** The bounds of all containers with something hostile in them (ARCHITECTURE §5). */
export function confinement(resources: Resources) {
  const memory = resources.memoryMiB * MiB
  const disk = resources.diskMiB * MiB
  return {
    Privileged: false,
    CapDrop: ['ALL'],
    CapAdd: ROOT_CAPABILITIES,
    SecurityOpt: ['no-new-privileges'],
    PidsLimit: resources.pids,
    Memory: memory,
    // Equal to Memory: no swap, so that a limit on memory is one.
    MemorySwap: memory,
    NanoCpus: Math.round(resources.cpus * 1e9),
    CpuShares: CPU_SHARES,
    // The host ends a sandbox before it ends a database.
    OomScoreAdj: 500,
    Ulimits: [
      { Name: 'nofile', Soft: 4096, Hard: 16_384 },
      { Name: 'fsize', Soft: disk, Hard: disk },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    IpcMode: 'private',
    CgroupnsMode: 'private' as const,
    ShmSize: shmBytes(resources),
    ReadonlyRootfs: false,
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
  }
}

/** Names are asked of the gateway only, and nothing of the host's own resolver comes along. */
export function networkOf(network: Attachment | undefined) {
  if (network === undefined) return { HostConfig: { NetworkMode: 'none' } }
  const { address, dns, hosts = {} } = network
  const ExtraHosts = Object.entries(hosts).map(([name, of]) => `${name}:${of}`)
  return {
    HostConfig: { NetworkMode: network.network, Dns: [dns], DnsOptions: [] as string[], DnsSearch: [], ExtraHosts },
    NetworkingConfig: { EndpointsConfig: { [network.network]: { IPAMConfig: { IPv4Address: address } } } },
  }
}
