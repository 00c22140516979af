import { confinement, networkOf } from './confinement.ts'
import { LABELS } from './engine.ts'
import { ownerLabels } from './owner-labels.ts'
import type { SidecarSpec } from './sidecar.ts'

/** What a service says goes to the engine's disk, and to people only when it fails. */
const LOG = { Type: 'json-file', Config: { 'max-size': '512k', 'max-file': '2' } }
/** Nobody answers it: a program that looks a name up should hear so soon. */
const RESOLVER = ['timeout:1', 'attempts:1']

/**
 * The engine's description of a sidecar. Program, user and folder are the image's; all else is as for a sandbox, and nothing
 * of the host comes along.
 */
export function sidecarBody(spec: SidecarSpec, image: string) {
  const { HostConfig, ...network } = networkOf(spec.network)
  return {
    Image: image,
    Hostname: spec.name,
    Domainname: '',
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    ...(spec.command && { Cmd: [...spec.command] }),
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGKILL',
    AttachStdin: false,
    OpenStdin: false,
    Tty: false,
    Labels: { ...ownerLabels(spec.owner), [LABELS.kind]: 'sidecar' },
    HostConfig: {
      ...HostConfig,
      DnsOptions: RESOLVER,
      ...confinement(spec.resources),
      // Some images bring an init of their own, which must be process 1.
      Init: false,
      LogConfig: LOG,
      Mounts: [],
      PortBindings: {},
      PublishAllPorts: false,
    },
    ...network,
  }
}

export type SidecarBody = ReturnType<typeof sidecarBody>
