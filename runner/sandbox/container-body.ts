import { confinement, networkOf } from './confinement.ts'
import type { ExecBody } from './engine-calls.ts'
import { LABELS } from './engine.ts'
import { keeperScript } from './keeper-script.ts'
import { ownerLabels } from './owner-labels.ts'
import type { ExecSpec, SandboxSpec } from './sandbox.ts'
import { USERS } from './users.ts'

/**
 * The engine's description of a sandbox (ARCHITECTURE §5). All that an image could bring along and that runs or holds
 * something is overridden: entrypoint, command, user, folder, health check.
 */
export function containerBody(spec: SandboxSpec, { image, name }: { image: string; name: string }) {
  const { HostConfig, ...network } = networkOf(spec.network)
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
      ...HostConfig,
      ...confinement(spec.resources),
      Init: true,
      LogConfig: { Type: 'none', Config: {} },
      Mounts: spec.mounts.map((mount) => ({
        Type: 'bind' as const,
        Source: mount.host,
        Target: mount.target,
        ReadOnly: true,
        // A mount below the folder would come along writable: read-only does not reach it.
        BindOptions: { Propagation: 'rprivate' as const, NonRecursive: true },
      })),
    },
    ...network,
  }
}

export type ContainerBody = ReturnType<typeof containerBody>

/** The engine's description of one command. */
export function execBody(spec: ExecSpec): ExecBody {
  const { uid, home } = USERS[spec.user]
  const env = Object.entries({ HOME: home, ...spec.env }).map(([name, value]) => `${name}=${value}`)
  return { command: spec.command, user: `${uid}:${uid}`, env, cwd: spec.cwd ?? '/', stdin: spec.stdin !== undefined }
}
