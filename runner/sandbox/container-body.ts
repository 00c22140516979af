import type { ExecBody } from './engine-calls.ts'
import { LABELS } from './engine.ts'
import { keeperScript } from './keeper-script.ts'
import type { Labels } from './engine.ts'
import type { ExecSpec, SandboxOwner, SandboxSpec } from './sandbox.ts'
import { USERS } from './users.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** What package managers need to change owners and users. Never NET_*, SYS_*, KILL, MKNOD. */
const ROOT_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETUID', 'SETGID']

/** /dev/shm lies outside the writable layer, so its size is taken off the disk limit beforehand. */
export function shmBytes(spec: SandboxSpec): number {
  return Math.min(64 * MiB, Math.floor((spec.resources.diskMiB * MiB) / 8))
}

/** What the writable layer and the volumes may hold: bytes, and files at the ratio that mkfs.ext4 gives a disk. */
export function diskLimits(spec: SandboxSpec): { bytes: number; files: number } {
  const bytes = spec.resources.diskMiB * MiB
  return { bytes: bytes - shmBytes(spec), files: Math.floor(bytes / (16 * KiB)) }
}

/**
 * The engine's description of a sandbox (ARCHITECTURE §5). All that an image could bring along and that runs or holds
 * something is overridden: entrypoint, command, user, folder, health check.
 */
export function containerBody(spec: SandboxSpec, { image, name }: { image: string; name: string }) {
  const memory = spec.resources.memoryMiB * MiB
  const disk = spec.resources.diskMiB * MiB
  return {
    Image: image,
    Hostname: 'sandbox',
    Domainname: '',
    Entrypoint: ['sh', '-c', keeperScript({ lifetimeMs: spec.lifetimeMs, run: name })],
    Cmd: [],
    User: '0:0',
    WorkingDir: '/',
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGKILL',
    AttachStdin: true,
    OpenStdin: true,
    // Without a runner at the other end the keeper stops waiting.
    StdinOnce: true,
    Tty: false,
    Labels: {
      ...ownerLabels(spec.owner),
      [LABELS.kind]: 'sandbox',
    },
    HostConfig: {
      ...networkOf(spec.network),
      Init: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: ROOT_CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: spec.resources.pids,
      Memory: memory,
      // Equal to Memory: no swap, so that a limit on memory is one.
      MemorySwap: memory,
      NanoCpus: Math.round(spec.resources.cpus * 1e9),
      // The host ends a sandbox before it ends a database.
      OomScoreAdj: 500,
      LogConfig: { Type: 'none', Config: {} },
      Ulimits: [
        { Name: 'nofile', Soft: 4096, Hard: 16_384 },
        { Name: 'fsize', Soft: disk, Hard: disk },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      IpcMode: 'private',
      CgroupnsMode: 'private' as const,
      ShmSize: shmBytes(spec),
      ReadonlyRootfs: false,
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      Mounts: spec.mounts.map((mount) => ({
        Type: 'bind' as const,
        Source: mount.host,
        Target: mount.target,
        ReadOnly: true,
        // A mount below the folder would come along writable: read-only does not reach it.
        BindOptions: { Propagation: 'rprivate' as const, NonRecursive: true },
      })),
    },
    ...endpointOf(spec.network),
  }
}

function ownerLabels(owner: SandboxOwner): Labels {
  // A container has the labels of its image, too: all are said, so that none of a snapshot's makes it another's.
  const nobody = { [LABELS.attempt]: '', [LABELS.claim]: '', [LABELS.build]: '' }
  const common = { ...nobody, [LABELS.installation]: owner.installation }
  if ('build' in owner) return { ...common, [LABELS.build]: owner.build }
  return { ...common, [LABELS.attempt]: owner.attempt, [LABELS.claim]: String(owner.claim) }
}

/** Names are asked of the gateway only; nothing of the host's own resolver comes along. */
function networkOf(network: SandboxSpec['network']) {
  if (network === undefined) return { NetworkMode: 'none' }
  return { NetworkMode: network.network, Dns: [network.dns], DnsOptions: [], DnsSearch: [], ExtraHosts: [] }
}

function endpointOf(network: SandboxSpec['network']) {
  if (network === undefined) return {}
  const endpoint = { IPAMConfig: { IPv4Address: network.address } }
  return { NetworkingConfig: { EndpointsConfig: { [network.network]: endpoint } } }
}

export type ContainerBody = ReturnType<typeof containerBody>

/** The engine's description of one command. */
export function execBody(spec: ExecSpec): ExecBody {
  const { uid, home } = USERS[spec.user]
  const env = Object.entries({ HOME: home, ...spec.env }).map(([name, value]) => `${name}=${value}`)
  return { command: spec.command, user: `${uid}:${uid}`, env, cwd: spec.cwd ?? '/', stdin: spec.stdin !== undefined }
}
