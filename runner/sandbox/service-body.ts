import type { Attached, ServiceSpec } from './engine.ts'

const MiB = 1024 * 1024

/** The engine's description of a service. */
export function serviceBody(spec: ServiceSpec) {
  const { hardened, network } = spec
  const ports = network !== 'none' && 'loopbackPorts' in network ? network.loopbackPorts : []
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(spec.command ? { Cmd: [...spec.command] } : {}),
    ...(hardened ? { User: hardened.user, Healthcheck: { Test: ['NONE'] } } : {}),
    ...(hardened?.entrypoint ? { Entrypoint: [...hardened.entrypoint], Cmd: [] } : {}),
    ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      RestartPolicy: { Name: hardened ? 'no' : 'unless-stopped' },
      ...networkMode(network),
      ...(hardened ? rightsOf(hardened) : {}),
      PortBindings: Object.fromEntries(ports.map((port) => [`${port}/tcp`, [{ HostIp: '127.0.0.1', HostPort: '0' }]])),
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      ...(spec.shmMiB ? { ShmSize: spec.shmMiB * MiB } : {}),
      ...(spec.memoryMiB ? { Memory: spec.memoryMiB * MiB, MemorySwap: spec.memoryMiB * MiB } : {}),
      ...(spec.cpuShares ? { CpuShares: spec.cpuShares } : {}),
      Mounts: [
        ...(spec.volumes ?? []).map(({ name, target }) => mount('volume', { source: name, target, readOnly: false })),
        ...(spec.binds ?? []).map(({ host, target, readOnly }) => mount('bind', { source: host, target, readOnly })),
      ],
    },
    ...endpoints(firstNetwork(network)),
  }
}

/** The networks that a service joins after it was made: the engine takes one at that time. */
export function laterNetworks({ network }: ServiceSpec): readonly Attached[] {
  return network !== 'none' && 'attached' in network ? network.attached.slice(1) : []
}

function rightsOf({ sysctls, tmpfs, pids }: NonNullable<ServiceSpec['hardened']>) {
  return {
    CapDrop: ['ALL'],
    ReadonlyRootfs: true,
    Init: true,
    PidsLimit: pids,
    Sysctls: { ...sysctls },
    Tmpfs: Object.fromEntries((tmpfs ?? []).map((folder) => [folder, 'rw,noexec,nosuid,nodev,size=16m,mode=1777'])),
  }
}

function mount(
  type: 'volume' | 'bind',
  { source, target, readOnly }: { source: string; target: string; readOnly: boolean },
) {
  return { Type: type, Source: source, Target: target, ReadOnly: readOnly }
}

function firstNetwork(network: ServiceSpec['network']): Attached | undefined {
  return network !== 'none' && 'attached' in network ? network.attached[0] : undefined
}

function networkMode(network: ServiceSpec['network']): { NetworkMode?: string } {
  if (network === 'none') return { NetworkMode: 'none' }
  if ('container' in network) return { NetworkMode: `container:${network.container}` }
  const first = firstNetwork(network)
  return first === undefined ? {} : { NetworkMode: first.name }
}

function endpoints(first: Attached | undefined) {
  if (first === undefined) return {}
  return { NetworkingConfig: { EndpointsConfig: { [first.name]: { IPAMConfig: { IPv4Address: first.address } } } } }
}
