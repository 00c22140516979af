import type { ExecBody } from './engine-calls.ts'
import { LABELS } from './engine.ts'
import type { Labels } from './engine.ts'
import { TRUST_SCRIPT } from './trust-script.ts'
import type { ExecSpec, SandboxOwner, SandboxSpec } from './sandbox.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** What package managers need to change owners and users. Never NET_*, SYS_*, KILL, MKNOD. */
const ROOT_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETUID', 'SETGID']
const USERS = {
  root: { user: '0:0', home: '/root' },
  agent: { user: '1000:1000', home: '/agent-home' },
} as const

export const READY = 'drydock:ready'

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
 * The keeper: makes the folders, says what the image has, then sleeps. It is root's, so an agent cannot end it; nothing
 * but `sh` and the usual small tools is assumed, and ids are numbers since the image may not know the user.
 */
function keeperScript(lifetimeMs: number): string {
  return [
    'umask 022',
    'for d in /workspace /agent-home /drydock; do if [ -L "$d" ]; then rm -f "$d"; fi; done',
    'mkdir -p /workspace /agent-home /drydock /root && chown 1000:1000 /workspace /agent-home && chown 0:0 /drydock || exit 3',
    'chmod 0755 /workspace && chmod 0700 /agent-home /drydock || exit 3',
    'if command -v git >/dev/null 2>&1; then g=git; else g=no-git; fi',
    TRUST_SCRIPT,
    `echo "${READY} $g"`,
    `exec sleep ${Math.ceil(lifetimeMs / 1000)} </dev/null >/dev/null 2>&1`,
  ].join('\n')
}

/**
 * The engine's description of a sandbox (ARCHITECTURE §5). All that an image could bring along and that runs or holds
 * something is overridden: entrypoint, command, user, folder, health check.
 */
export function containerBody(spec: SandboxSpec, image: string) {
  const memory = spec.resources.memoryMiB * MiB
  const disk = spec.resources.diskMiB * MiB
  return {
    Image: image,
    Hostname: 'sandbox',
    Domainname: '',
    Entrypoint: ['sh', '-c', keeperScript(spec.lifetimeMs)],
    Cmd: [],
    User: '0:0',
    WorkingDir: '/',
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGKILL',
    AttachStdin: false,
    OpenStdin: false,
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
  const installation = { [LABELS.installation]: owner.installation }
  if ('build' in owner) return { ...installation, [LABELS.build]: owner.build }
  return { ...installation, [LABELS.attempt]: owner.attempt, [LABELS.claim]: String(owner.claim) }
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
  const { user, home } = USERS[spec.user]
  const env = Object.entries({ HOME: home, ...spec.env }).map(([name, value]) => `${name}=${value}`)
  return { command: spec.command, user, env, cwd: spec.cwd ?? '/', stdin: spec.stdin !== undefined }
}
